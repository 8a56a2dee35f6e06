/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The hash table, against a plain array. */
#include <stdlib.h>

#include "base/hash.h"
#include "tests/test.h"

#define KEYS 512

static uint32_t step(uint32_t *seed)
{
	return *seed = *seed * 1664525u + 1013904223u;
}

/* How often a walk meets each of the keys; returns how many it met. */
static size_t walk(const struct hash *h, unsigned char *seen, int *values)
{
	const void *key;
	size_t n = 0;
	int *v;

	for (size_t i = 0; (v = hash_next(h, &i, &key)); n++) {
		uint32_t k[3];

		memcpy(k, key, sizeof(k));
		if (ASSERT(k[0] < KEYS && v == &values[k[0]]))
			seen[k[0]]++;
	}
	return n;
}

void test_hash_does_what_an_array_does(void)
{
	struct hash *h = hash_new(12);
	static int values[KEYS];
	unsigned char there[KEYS] = {};
	uint32_t seed = 7;
	size_t n = 0;
	bool ok = true;

	for (int i = 0; i < 60000 && ok; i++) {
		uint32_t k = step(&seed) >> 8 & (KEYS - 1), what = step(&seed) >> 24;
		/* the table is first filled, then emptied, then held at the half */
		bool put = i < 20000 ? what < 200 : i < 40000 ? what < 50 : what < 128;
		uint32_t key[3] = { k, 5, k * 3 };
		int *v = &values[k];

		ok &= hash_get(h, key) == (there[k] ? v : NULL);
		if (put)
			hash_put(h, key, v);
		else
			ok &= hash_del(h, key) == (there[k] ? v : NULL);
		n += (size_t)put - there[k];
		there[k] = put;
		ok &= hash_count(h) == n;
	}
	ASSERT(ok);
	{
		unsigned char seen[KEYS] = {};

		ASSERT_EQ(walk(h, seen, values), n);
		ASSERT(!memcmp(seen, there, KEYS));
	}
	hash_free(h);
	hash_free(NULL);
}

void test_hash_replaces(void)
{
	struct hash *h = hash_new(sizeof(uint64_t));
	uint64_t key = 1ull << 40;
	int a, b;

	hash_put(h, &key, &a);
	hash_put(h, &key, &b);
	ASSERT_EQ(hash_count(h), 1);
	ASSERT(hash_get(h, &key) == &b);
	ASSERT(hash_del(h, &key) == &b);
	ASSERT(!hash_get(h, &key) && !hash_del(h, &key));
	hash_free(h);
}

/* Keys as the tables have them (small numbers, equal in most bits) must not crowd. */
void test_hash_bytes_spreads(void)
{
	static unsigned int bins[1024];
	unsigned int most = 0;

	memset(bins, 0, sizeof(bins));
	for (uint64_t pid = 0; pid < 8192; pid++) {
		uint64_t key[2] = { pid << 32, 1000000000 };

		bins[hash_bytes(key, sizeof(key)) & 1023]++;
	}
	for (unsigned int i = 0; i < 1024; i++)
		most = bins[i] > most ? bins[i] : most;
	ASSERT(most < 32); /* 8 on average */
}

void test_hash_bytes_sees_every_byte(void)
{
	unsigned char key[24] = {};

	for (size_t n = 1; n <= sizeof(key); n++) {
		uint64_t before = hash_bytes(key, n);

		for (size_t i = 0; i < n; i++) {
			key[i] = 1;
			ASSERT(hash_bytes(key, n) != before);
			key[i] = 0;
		}
		ASSERT(hash_bytes(key, n - 1) != before);
	}
}
