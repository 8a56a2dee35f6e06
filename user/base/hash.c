/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The hash table: linear probing, at most three quarters full, deletion by
 * moving the entries behind back, so that there are no tombstones. The order of
 * a walk depends on nothing but the keys and the history of puts and dels.
 * Called by the model, the sources and whoever looks things up. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define HASH_MIN 16u

struct hash {
	size_t key_size;
	size_t mask; /* slots - 1, slots a power of two */
	size_t count;
	void **values;       /* NULL: the slot is free */
	uint64_t *sums;      /* hash_bytes of the key */
	unsigned char *keys; /* key_size bytes a slot */
};

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ull;
	h ^= h >> 29;
	return h;
}

uint64_t hash_bytes(const void *p, size_t n)
{
	const unsigned char *c = p;
	uint64_t h = 0xcbf29ce484222325ull ^ n, w;

	for (; n >= sizeof(w); n -= sizeof(w), c += sizeof(w)) {
		memcpy(&w, c, sizeof(w));
		h = mix((h ^ w) * 0xff51afd7ed558ccdull);
	}
	for (w = 0; n; n--)
		w = w << 8 | c[n - 1];
	return mix(mix((h ^ w) * 0xff51afd7ed558ccdull));
}

static void hash_alloc(struct hash *h, size_t slots)
{
	h->mask = slots - 1;
	h->values = xcalloc(slots, sizeof(*h->values));
	h->sums = xcalloc(slots, sizeof(*h->sums));
	h->keys = xcalloc(slots, h->key_size);
}

static void hash_release(struct hash *h)
{
	free(h->values);
	free(h->sums);
	free(h->keys);
}

struct hash *hash_new(size_t key_size)
{
	struct hash *h = xcalloc(1, sizeof(*h));

	h->key_size = key_size;
	hash_alloc(h, HASH_MIN);
	return h;
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	hash_release(h);
	free(h);
}

size_t hash_count(const struct hash *h)
{
	return h->count;
}

static void *slot_key(const struct hash *h, size_t i)
{
	return h->keys + i * h->key_size;
}

/* The slot that holds the key, or the free one where it would go. */
static size_t hash_slot(const struct hash *h, const void *key, uint64_t sum)
{
	size_t i = sum & h->mask;

	while (h->values[i]) {
		if (h->sums[i] == sum && !memcmp(slot_key(h, i), key, h->key_size))
			break;
		i = (i + 1) & h->mask;
	}
	return i;
}

static void slot_set(struct hash *h, size_t i, const void *key, uint64_t sum, void *value)
{
	h->values[i] = value;
	h->sums[i] = sum;
	memcpy(slot_key(h, i), key, h->key_size);
}

static void hash_grow(struct hash *h)
{
	struct hash old = *h;

	hash_alloc(h, (old.mask + 1) * 2);
	for (size_t i = 0; i <= old.mask; i++) {
		const void *key = slot_key(&old, i);

		if (old.values[i])
			slot_set(h, hash_slot(h, key, old.sums[i]), key, old.sums[i], old.values[i]);
	}
	hash_release(&old);
}

void *hash_get(const struct hash *h, const void *key)
{
	return h->values[hash_slot(h, key, hash_bytes(key, h->key_size))];
}

void hash_put(struct hash *h, const void *key, void *value)
{
	uint64_t sum = hash_bytes(key, h->key_size);
	size_t i = hash_slot(h, key, sum);

	if (!h->values[i]) {
		if ((h->count + 1) * 4 > (h->mask + 1) * 3) {
			hash_grow(h);
			i = hash_slot(h, key, sum);
		}
		h->count++;
	}
	slot_set(h, i, key, sum, value);
}

void *hash_del(struct hash *h, const void *key)
{
	size_t hole = hash_slot(h, key, hash_bytes(key, h->key_size)), i = hole;
	void *value = h->values[hole];

	if (!value)
		return NULL;
	for (;;) {
		i = (i + 1) & h->mask;
		if (!h->values[i])
			break;
		/* an entry may move back as far as its home slot, not beyond */
		if (((i - h->sums[i]) & h->mask) < ((i - hole) & h->mask))
			continue;
		slot_set(h, hole, slot_key(h, i), h->sums[i], h->values[i]);
		hole = i;
	}
	h->values[hole] = NULL;
	h->count--;
	return value;
}

void *hash_next(const struct hash *h, size_t *pos, const void **key)
{
	for (; *pos <= h->mask; (*pos)++) {
		if (!h->values[*pos])
			continue;
		if (key)
			*key = slot_key(h, *pos);
		return h->values[(*pos)++];
	}
	return NULL;
}
