/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What addresses are called: the name that a process asked for when it got them. No more than
 * limits.max_names are kept; those that came first go first. Called by dns.c, conns.c and peers.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "model/state.h"

struct name_key { /* no padding that is not zeroed */
	uint64_t start;
	uint64_t pid; /* 0: of all processes */
	uint8_t addr[16];
};

struct addr_entry {
	struct name_key key;
	struct istr *name;
};

struct addr_names {
	struct hash *by_key;
	VEC(struct addr_entry *) list; /* a ring once it is full; `next` is the oldest then */
	size_t next;
};

void addr_names_init(struct model *m)
{
	m->addr_names = xcalloc(1, sizeof(*m->addr_names));
	m->addr_names->by_key = hash_new(sizeof(struct name_key));
}

void addr_names_fini(struct model *m)
{
	struct addr_names *n = m->addr_names;

	for (size_t i = 0; i < n->list.n; i++) {
		intern_put(m->interns, n->list.v[i]->name);
		free(n->list.v[i]);
	}
	vec_free(&n->list);
	hash_free(n->by_key);
	free(n);
}

/* As IPv6, where it is none. */
static struct name_key key_of(const struct proc *p, uint8_t family, const uint8_t *addr)
{
	struct name_key key = { .start = p ? p->start : 0, .pid = p ? p->pid : 0 };

	if (family == AF_INET) {
		key.addr[10] = key.addr[11] = 0xff;
		memcpy(key.addr + 12, addr, 4);
	} else {
		memcpy(key.addr, addr, sizeof(key.addr));
	}
	return key;
}

/* The entry that is to be the newest one. */
static struct addr_entry *entry_new(struct model *m)
{
	struct addr_names *n = m->addr_names;
	struct addr_entry *e;

	if (n->list.n < m->limits.max_names) {
		e = xcalloc(1, sizeof(*e));
		*vec_add(&n->list) = e;
		return e;
	}
	e = n->list.v[n->next];
	n->next = (n->next + 1) % n->list.n;
	hash_del(n->by_key, &e->key);
	intern_put(m->interns, e->name);
	return e;
}

static void note(struct model *m, const struct name_key *key, struct istr *name)
{
	struct addr_entry *e = hash_get(m->addr_names->by_key, key);

	if (!e) {
		e = entry_new(m);
		*e = (struct addr_entry){ .key = *key, .name = intern_hold(name) };
		hash_put(m->addr_names->by_key, &e->key, e);
	} else if (e->name != name) {
		intern_put(m->interns, e->name);
		e->name = intern_hold(name);
	}
}

void addr_name_note(struct model *m, const struct proc *p, uint8_t family, const uint8_t *addr,
		    struct istr *name)
{
	struct name_key own = key_of(p, family, addr), all = key_of(NULL, family, addr);

	note(m, &own, name);
	note(m, &all, name);
}

struct istr *addr_name(const struct model *m, const struct proc *p, uint8_t family, const uint8_t *addr)
{
	struct name_key key = key_of(p, family, addr);
	struct addr_entry *e =
		hash_count(m->addr_names->by_key) ? hash_get(m->addr_names->by_key, &key) : NULL;

	if (!e && p)
		return addr_name(m, NULL, family, addr);
	return e ? e->name : NULL;
}
