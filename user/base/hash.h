/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One hash table: from a fixed-size key to a pointer. Open addressing, grows by
 * itself; the caller bounds the number of entries where the traced host decides it. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/base.h"

struct hash;

struct hash *hash_new(size_t key_size);
void hash_free(struct hash *h); /* not what the values point to; NULL is fine */
size_t hash_count(const struct hash *h);
void *hash_get(const struct hash *h, const void *key);       /* NULL: not there */
void hash_put(struct hash *h, const void *key, void *value); /* value not NULL; replaces; the key is copied */
void *hash_del(struct hash *h, const void *key);             /* returns what was there, or NULL */
/* Walk: for (size_t i = 0; (v = hash_next(h, &i, NULL));) … ; no put or del meanwhile. */
void *hash_next(const struct hash *h, size_t *pos, const void **key);

uint64_t hash_bytes(const void *p, size_t n); /* FNV-1a or better, 64 bit */

#endif
