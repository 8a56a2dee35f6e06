/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Strings of the model: each distinct one is stored once, counted, and copied at most
 * once into a snapshot. For the files of model/ only. */
#ifndef MODEL_INTERN_H
#define MODEL_INTERN_H

#include "model/arena.h"

struct istr {
	struct istr *next;
	uint64_t sum;   /* hash of the bytes */
	uint64_t stamp; /* of the snapshot that `copy` belongs to */
	char *copy;
	uint32_t refs, len;
	char s[]; /* with a NUL */
};

struct interns;

struct interns *interns_new(void);
void interns_free(struct interns *in); /* and all strings in it, whoever holds them */
/* Bytes up to n or a NUL, with one more holder. NULL for the empty string. */
struct istr *intern_get(struct interns *in, const char *s, size_t n);
void intern_put(struct interns *in, struct istr *s); /* NULL is fine */
/* Replace what *slot holds. */
void intern_set(struct interns *in, struct istr **slot, const char *s, size_t n);
struct istr *intern_hold(struct istr *s); /* one more holder; NULL is fine */
/* The copy in the snapshot whose number is `stamp` (never 0) and whose memory is a. NULL for NULL. */
const char *intern_copy(struct istr *s, struct arena *a, uint64_t stamp);
size_t interns_count(const struct interns *in);

#endif
