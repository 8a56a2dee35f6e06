/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Stores the strings of the model, as long as a row holds them. The rows are bounded,
 * so the strings are. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/intern.h"

struct interns {
	struct istr **slots;
	size_t mask, count;
};

struct interns *interns_new(void)
{
	struct interns *in = xcalloc(1, sizeof(*in));

	in->mask = 1023;
	in->slots = xcalloc(in->mask + 1, sizeof(*in->slots));
	return in;
}

void interns_free(struct interns *in)
{
	struct istr *s, *next;

	if (!in)
		return;
	for (size_t i = 0; i <= in->mask; i++)
		for (s = in->slots[i]; s; s = next) {
			next = s->next;
			free(s);
		}
	free(in->slots);
	free(in);
}

static void grow(struct interns *in)
{
	struct istr **old = in->slots, *s, *next;
	size_t n = in->mask + 1;

	in->mask = n * 2 - 1;
	in->slots = xcalloc(n * 2, sizeof(*in->slots));
	for (size_t i = 0; i < n; i++)
		for (s = old[i]; s; s = next) {
			next = s->next;
			s->next = in->slots[s->sum & in->mask];
			in->slots[s->sum & in->mask] = s;
		}
	free(old);
}

struct istr *intern_get(struct interns *in, const char *s, size_t n)
{
	struct istr *e;
	uint64_t sum;

	n = strnlen(s, n);
	if (!n)
		return NULL;
	sum = hash_bytes(s, n);
	for (e = in->slots[sum & in->mask]; e; e = e->next)
		if (e->sum == sum && e->len == n && !memcmp(e->s, s, n))
			return intern_hold(e);
	if (in->count > in->mask)
		grow(in);
	e = xmalloc(sizeof(*e) + n + 1);
	*e = (struct istr){ .next = in->slots[sum & in->mask], .sum = sum, .refs = 1, .len = (uint32_t)n };
	memcpy(e->s, s, n);
	e->s[n] = '\0';
	in->slots[sum & in->mask] = e;
	in->count++;
	return e;
}

void intern_put(struct interns *in, struct istr *s)
{
	struct istr **at;

	if (!s || --s->refs)
		return;
	for (at = &in->slots[s->sum & in->mask]; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	in->count--;
	free(s);
}

void intern_set(struct interns *in, struct istr **slot, const char *s, size_t n)
{
	struct istr *old = *slot;

	*slot = intern_get(in, s, n);
	intern_put(in, old);
}

struct istr *intern_hold(struct istr *s)
{
	if (s)
		s->refs++;
	return s;
}

const char *intern_copy(struct istr *s, struct arena *a, uint64_t stamp)
{
	if (!s)
		return NULL;
	if (s->stamp != stamp) {
		s->copy = arena_strn(a, s->s, s->len);
		s->stamp = stamp;
	}
	return s->copy;
}

size_t interns_count(const struct interns *in)
{
	return in->count;
}
