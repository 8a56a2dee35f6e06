/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What conns.c and peers.c share: a connection, and the peer that it is with. */
#ifndef MODEL_CONNS_H
#define MODEL_CONNS_H

#include "model/state.h"

struct peer;

struct conn_key { /* no padding that is not zeroed */
	uint64_t cookie, opened;
};

struct conn {
	struct conn_key key;
	struct proc *proc;           /* NULL: not known */
	struct peer *peer;           /* NULL: as long as its process is not known, and it is open */
	struct istr *local, *remote; /* made when they are shown first; NULL: not yet */
	struct hl_rec_conn last;
	struct hl_rec_conn_exchanges exchanges;
	struct conn_sums first;      /* what it had when it was seen first, if that was before the capture */
	struct conn_sums before;     /* … at the interval's begin */
	bool came, ended, connected; /* in the interval that is open */
	uint64_t tick;               /* in which it ended */
};

struct listener {
	struct conn_key key;
	struct proc *proc;
	struct istr *local;
	struct hl_rec_listen last;
	uint64_t first, before, longest;
	uint64_t longest_wait;
	uint64_t tick;
};

struct conns {
	struct hash *by_key;     /* struct conn */
	VEC(struct conn *) list; /* in the order of their coming */
	struct hash *listen_by_key;
	VEC(struct listener *) listeners;
	struct hash *peer_by_key;
	VEC(struct peer *) peers;
	struct peer *others[NR_HL_ROLES]; /* what had no room, but how many those were; not in the table */
	struct hash *counts;              /* struct conn_count of peers.c, by process and role */
	VEC(struct conn_count *) count_list;
	size_t closed;       /* of the list */
	uint64_t peers_full; /* the tick, + 1, in which no more of the peers could be folded */
};

struct conn_sums conn_sums_of(const struct hl_rec_conn *r);
struct conn_sums sums_since(const struct conn_sums *now, const struct conn_sums *then);
void sums_add(struct conn_sums *to, const struct conn_sums *from);
/* Is it, or was it, established, and not before the capture? */
bool conn_is_up(const struct hl_rec_conn *r);
/* The port of the service: of the side that did not begin the connection. */
uint16_t conn_port(const struct hl_rec_conn *r);

/* peers.c */
void peers_init(struct model *m);
void peers_fini(struct model *m);
void peer_take(struct model *m, struct conn *c);  /* its process is known now, or it ended without */
void peer_leave(struct model *m, struct conn *c); /* it has no row any more, but counts on */
struct istr *peer_address(const struct peer *e);  /* NULL: of none */
void peers_roll(struct model *m);

#endif
