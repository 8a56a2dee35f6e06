/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What conns.c and peers.c share: a connection, and the peer that it is with. */
#ifndef MODEL_CONNS_H
#define MODEL_CONNS_H

#include "model/state.h"

struct peer;

struct conn_key { /* no padding that is not zeroed */
	uint64_t cookie, opened;
};

/* What a look at a connection brought. */
struct conn_slice {
	uint32_t tick; /* at whose end */
	uint32_t srtt_us, send_queue, receive_queue;
	uint64_t begin, end; /* CLOCK_BOOTTIME */
	struct conn_sums sums;
	uint64_t exchanges, exchange_ns;
	bool knows_exchanges; /* somebody counted them */
};

struct conn_log {
	struct conn_slice *v; /* the oldest first */
	uint32_t n, cap;
	bool fresh, exchanges_fresh;     /* there was a record in the interval that is open */
	uint64_t from;                   /* since when nothing is missing; 0: not told of yet */
	uint64_t seen;                   /* when it was told of last … */
	uint64_t exchanges, exchange_ns; /* … and what they were then */
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
	struct conn_log log;
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
	size_t log_cells;    /* slices that there is memory for */
	uint64_t looked;     /* the end of the last interval in which all were looked at; 0: none yet */
	uint64_t peers_full; /* the tick, + 1, in which no more of the peers could be folded */
};

struct conn_sums conn_sums_of(const struct hl_rec_conn *r);
struct conn_sums sums_since(const struct conn_sums *now, const struct conn_sums *then);
void sums_add(struct conn_sums *to, const struct conn_sums *from);
/* Is it, or was it, established, and not before the capture? */
bool conn_is_up(const struct hl_rec_conn *r);
/* The port of the service: of the side that did not begin the connection. */
uint16_t conn_port(const struct hl_rec_conn *r);
/* Of most connections on a busy host nobody ever sees a row: their addresses in words are made here. */
void conn_name_ends(struct model *m, struct conn *c);

/* history.c */
void history_tick(struct model *m); /* before the interval is over */
void history_free(struct model *m, struct conn *c);
void history_span(const struct model *m, const struct conn *c,
		  struct conn_row *r); /* from when to when it is */

/* peers.c */
void peers_init(struct model *m);
void peers_fini(struct model *m);
void peer_take(struct model *m, struct conn *c);  /* its process is known now, or it ended without */
void peer_leave(struct model *m, struct conn *c); /* it has no row any more, but counts on */
struct istr *peer_address(const struct peer *e);  /* NULL: of none */
void peers_roll(struct model *m);

#endif
