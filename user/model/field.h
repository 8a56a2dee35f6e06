/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The one field table. A column is one row of data: its name is the JSON key, the
 * CSV header, the metric name and the --sort word; screen, text, JSON, CSV, HTML,
 * metrics and the help screen all follow from it. No switch over columns anywhere.
 */
#ifndef MODEL_FIELD_H
#define MODEL_FIELD_H

#include "base/base.h"
#include "base/hist.h"
#include "bpf/abi.h"

enum val_type {
	VAL_NONE, /* not measured: "-" on screen, absent in JSON, last in any sort */
	VAL_BOOL,
	VAL_U64,
	VAL_I64,
	VAL_F64,
	VAL_STR,       /* bytes from outside: encode them */
	VAL_HIST,      /* a histogram of ns */
	VAL_STATES,    /* ns by state, NR_HL_STATES of them: a coloured bar on screen, an object in JSON */
	VAL_CHAIN,     /* who waits behind whom: "< comm state: call what" as text, an array in JSON */
	VAL_OCCUPANTS, /* who had the CPU: "comm 48% [cgroup], comm …" as text, an array in JSON */
	VAL_PEERS,     /* for whom it waited: "peer 48ms, …" as text, an array in JSON */
	VAL_STACK,     /* frames: "func < func" as text, its number in JSON, where "stacks" has it */
};

struct snap_stack; /* see snap.h */
struct snap_chain;
struct snap_hop;
struct snap_occupants;
struct snap_occupant;
struct snap_peers;

struct val {
	enum val_type type;
	union {
		bool b;
		uint64_t u;
		int64_t i;
		double f;
		const char *s; /* borrowed from the snapshot */
		const struct hist *hist;
		const uint64_t *states;
		const struct snap_stack *stack;
		const struct snap_chain *chain;
		const struct snap_occupants *occupants;
		const struct snap_peers *peers;
	};
	bool least; /* it is at least so much: ">3.00s" as text */
};

enum unit {
	UNIT_NONE,  /* a plain number or word */
	UNIT_COUNT, /* short on screen: 12.3k */
	UNIT_NS,    /* a duration */
	UNIT_BYTES,
	UNIT_PCT,
	UNIT_BOOT, /* a moment, in ns since boot */
	UNIT_CPUS, /* one CPU all the time is 1 */
	UNIT_WALL, /* CLOCK_REALTIME ns: RFC 3339 in exports, hh:mm:ss.mmm on screen */
};

enum metric { METRIC_NONE, METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

#define FIELD_KEY     (1u << 0) /* part of the row's identity */
#define FIELD_NARROW  (1u << 1) /* shown on an 80-column screen */
#define FIELD_WIDE    (1u << 2) /* shown where there is room */
#define FIELD_LEFT    (1u << 3) /* left-aligned (text is, numbers are not unless told) */
#define FIELD_ASC     (1u << 4) /* sorts ascending by default */
#define FIELD_SCREEN  (1u << 5) /* not in the JSON document: derived for people */
#define FIELD_FLEX    (1u << 6) /* takes the room that is left (one per table) */
#define FIELD_TOTAL   (1u << 7) /* since start; without it and with _IVL: of the last interval */
#define FIELD_IVL     (1u << 8)
#define FIELD_BOTH    (1u << 9)  /* of one flavour, but shown whichever ranks */
#define FIELD_TAIL    (1u << 10) /* too long for its column its end is shown: paths, peers */
#define FIELD_RARE    (1u << 11) /* no column where no row has a value */
#define FIELD_GROUPED (1u << 12) /* how many a row stands for: a column of grouped rows only */
#define FIELD_DIM     (1u << 13) /* where it is true, the row is of the past */
#define FIELD_SAID    (1u << 14) /* not on the row's page, for another field says it better there */

/* A quantity that is known for the last interval and since start is two fields, twins:
 * "interval.count" is the twin of "count". */
#define FIELD_IVL_PREFIX "interval."

/*
 * name is snake_case with its unit (total_ns). A dot nests in JSON: "now.state" is
 * {"now":{"state":…}}, in CSV it is now_state. get fills out from the row; it is
 * never NULL. Strings it returns live as long as the snapshot, or are static.
 */
struct field {
	const char *name, *title, *help;
	void (*get)(const struct field *f, const void *row, struct val *out);
	size_t offset; /* for the getters below */
	enum unit unit;
	enum metric metric;
	unsigned int flags;
	int width;          /* columns on screen, title included */
	enum val_type type; /* what a get of your own returns, for JSON Schema and CSV; the getters below
			       imply it */
};

/* Getters over a member at f->offset. _opt: 0 means not measured. */
void field_u64(const struct field *f, const void *row, struct val *out);
void field_u64_opt(const struct field *f, const void *row, struct val *out);
void field_u32(const struct field *f, const void *row, struct val *out);
void field_str(const struct field *f, const void *row, struct val *out);    /* const char *; NULL is none */
void field_states(const struct field *f, const void *row, struct val *out); /* uint64_t[NR_HL_STATES] */
void field_hist(const struct field *f, const void *row, struct val *out);   /* struct hist */
void field_state_name(const struct field *f, const void *row, struct val *out); /* uint8_t; 0xff is none */
void field_stack(const struct field *f, const void *row, struct val *out); /* const struct snap_stack * */
void field_chain(const struct field *f, const void *row, struct val *out); /* const struct snap_chain * */
void field_occupants(const struct field *f, const void *row,
		     struct val *out);                                     /* const struct snap_occupants * */
void field_peers(const struct field *f, const void *row, struct val *out); /* const struct snap_peers * */
/* The type that one of these getters gives; VAL_NONE: it is none of them. */
enum val_type field_getter_type(const struct field *f);

/* Whose rows the model keeps; a table says which of them it shows. */
enum rows {
	ROWS_NONE,
	ROWS_PROCESSES,
	ROWS_THREADS,
	ROWS_OPERATIONS,
	ROWS_SLOW,
	ROWS_FILES,
	ROWS_FILE_OPS,
	ROWS_BLOCKED,
	ROWS_WAITED,
	ROWS_LOCKS,
	ROWS_TREE,
	ROWS_CGROUPS,
	ROWS_CONNECTIONS,
	ROWS_HISTORY,
	ROWS_PEERS,
	ROWS_LISTENERS,
	ROWS_DNS,
	ROWS_DNS_QUERIES,
	ROWS_EXCHANGES,
	ROWS_FUNCTIONS,
	ROWS_FUNCTION_SYSCALLS,
	NR_ROWS
};

/* A kind of rows: its name is the key in the JSON document and the word of --view. */
struct table_desc {
	const char *name, *title, *help;
	const struct field *fields;
	size_t nr_fields;
	size_t row_size;
	const char *sort;                /* field that ranks by default, interval flavour */
	const char *sort_wide;           /* the same since start */
	bool (*hidden)(const void *row); /* left out of default rankings (waiting for work); may be NULL */
	enum rows rows;                  /* rows.h has their structs */
	const char *sort_all;            /* ranks when waits for work are shown too; NULL: as `sort` */
	bool tree; /* rows are below each other: fields id, parent, and more where there is something below */
	bool screen;       /* in the live view only: the documents have what it is made of */
	bool history;      /* also of intervals before: not in documents that come one for each interval */
	const char *needs; /* collector that is on only when it is asked for; NULL: none */
};

struct str;
/* The value of a field of a row. */
struct val field_get(const struct field *f, const void *row);
/* <0, 0, >0; VAL_NONE sorts behind everything, whatever the direction. */
int val_cmp(const struct val *a, const struct val *b);
/* As people read it, without padding: "10.0ms", "12.3k", "-" for none; text through
 * enc_text. VAL_STATES and VAL_HIST have no text of their own: "". */
void val_text(struct str *out, const struct field *f, const struct val *v, bool ascii);
const struct field *table_field(const struct table_desc *t, const char *name); /* NULL: no such field */
bool val_is_none(const struct val *v);                                         /* also NaN */
/* The twin of f in the flavour asked for; f itself where it has no twin. */
const struct field *field_twin(const struct table_desc *t, const struct field *f, bool total);
/* Of two twins a screen shows the one that ranks: false for the other one. */
bool field_fits_flavour(const struct field *f, bool total);
/* Is it one of n names, whichever the flavour? "count" is "interval.count" too. */
bool field_is_among(const struct field *f, const char *const *names, size_t n);
/* Does the field say anything about these rows? Only FIELD_RARE and FIELD_GROUPED ask. */
bool field_tells(const struct field *f, const void *const *rows, size_t n, bool grouped);

/* What one thread of a chain does, for people: "disk 24.1ms: fsync /var/lib/x/wal". */
void hop_text(struct str *out, const struct snap_hop *h, bool ascii);
/* Which part of the whole wait one of them had the CPU, in percent. */
double occupant_pct(const struct snap_occupants *o, uint64_t ns);
/* "comm[tid]", or what else there is to say. */
void occupant_name(struct str *out, const struct snap_occupant *o, bool ascii);
/* One frame for people: "ext4_sync_file+0x1a [ext4]", or "?" and the reason. */
void frame_text(struct str *out, const struct snap_stack *s, unsigned int i, bool ascii);

extern const char *const hl_state_names[NR_HL_STATES];  /* "cpu", … */
extern const char *const hl_state_titles[NR_HL_STATES]; /* "CPU", … */
extern const char *const hl_state_help[NR_HL_STATES];
extern const bool hl_state_is_work_wait[NR_HL_STATES]; /* waiting for work */

#endif
