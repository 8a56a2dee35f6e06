/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Block I/O, its user half: disks and what each does, from DISK and DISK_OP records, and the
 * names of block operations. A request is charged to its partition; a disk's row holds what its
 * partitions did too. The kernel half is bpf/block.bpf.c. Handed to the model by the commands.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/arena.h"
#include "probe/get.h"
#include "probe/probe.h"
#include "rec/rec.h"

#define NR_NRS (2 * 8)

/* ---- what is kept ------------------------------------------------------------------- */

struct sums {
	uint64_t count, errors, bytes, sequential, requeues;
	uint64_t ns[NR_HL_BLOCK_PHASES], max_ns[NR_HL_BLOCK_PHASES];
	struct hist hist[NR_HL_BLOCK_PHASES];
};

/* One operation of one disk. */
struct disk_op {
	struct sums total, ivl;
};

/* The kernel's own figures. */
struct figures {
	uint64_t merged[2], busy_ns, weighted_ns;
};

struct disk {
	uint32_t dev, whole;
	char *name, *below, *above, *label; /* NULL: no record has told yet */
	uint64_t size_bytes;
	uint32_t in_flight;
	bool known;
	struct figures first, before, now; /* of the capture, of the interval, and the last ones */
	struct disk_op *ops[NR_NRS];
};

struct disks {
	struct hash *by_dev;
	VEC(struct disk *) list; /* in the order of their coming */
	size_t max;
	struct disk other; /* what the disks beyond that do */
};

static void *disks_open(const struct model_limits *limits)
{
	struct disks *d = xcalloc(1, sizeof(*d));

	d->by_dev = hash_new(sizeof(uint32_t));
	d->max = limits->max_disks;
	d->other.name = xstrdup("(other)");
	return d;
}

static void sums_free(struct sums *s)
{
	for (int i = 0; i < NR_HL_BLOCK_PHASES; i++)
		hist_free(&s->hist[i]);
}

static void disk_fini(struct disk *d)
{
	for (int i = 0; i < NR_NRS; i++) {
		if (!d->ops[i])
			continue;
		sums_free(&d->ops[i]->total);
		sums_free(&d->ops[i]->ivl);
		free(d->ops[i]);
	}
	free(d->name);
	free(d->below);
	free(d->above);
	free(d->label);
}

static void disks_close(void *state)
{
	struct disks *d = state;

	for (size_t i = 0; i < d->list.n; i++) {
		disk_fini(d->list.v[i]);
		free(d->list.v[i]);
	}
	disk_fini(&d->other);
	vec_free(&d->list);
	hash_free(d->by_dev);
	free(d);
}

static struct disk *disk_get(struct disks *d, uint32_t dev)
{
	struct disk *disk = hash_get(d->by_dev, &dev);

	if (!dev) /* from the "(other)" cells */
		return &d->other;
	if (disk)
		return disk;
	if (d->list.n >= d->max)
		return &d->other;
	disk = xcalloc(1, sizeof(*disk));
	disk->dev = disk->whole = dev;
	hash_put(d->by_dev, &dev, disk);
	*vec_add(&d->list) = disk;
	return disk;
}

static void set_text(char **slot, const char *s)
{
	free(*slot);
	*slot = xstrdup(s);
}

static int disk_apply(struct disks *d, const struct hl_rec *rec)
{
	const struct hl_rec_disk *r = (const void *)rec;
	struct disk *disk = disk_get(d, r->dev);

	if (disk == &d->other)
		return 0;
	set_text(&disk->name, rec_tail_str(rec, 0));
	set_text(&disk->below, rec_tail_str(rec, 1));
	set_text(&disk->above, rec_tail_str(rec, 2));
	set_text(&disk->label, rec_tail_str(rec, 3));
	disk->whole = r->whole;
	disk->size_bytes = r->size_bytes;
	disk->in_flight = r->in_flight;
	disk->now = (struct figures){ { r->merged[0], r->merged[1] }, r->busy_ns, r->weighted_ns };
	if (!disk->known)
		disk->first = disk->before = disk->now;
	disk->known = true;
	return 0;
}

static void sums_take(struct sums *s, const struct hl_rec_disk_op *r)
{
	const __u32 *buckets = rec_disk_buckets(r);

	s->ns[r->phase] += r->total_ns;
	s->max_ns[r->phase] = MAX(s->max_ns[r->phase], r->max_ns);
	for (__u32 i = 0; i < r->nr_buckets; i++)
		hist_add_cell(&s->hist[r->phase], r->first + i, buckets[i]);
	s->requeues += r->requeues;
	if (r->phase != HL_BLOCK_DEVICE) /* each request is in both phases */
		return;
	s->count += r->count;
	s->errors += r->errors;
	s->bytes += r->bytes;
	s->sequential += r->sequential;
}

/* The operation, and in the upper half whether somebody waits for it. */
static unsigned int op_index(unsigned int nr)
{
	return (nr & 0x7) | (nr & HL_BLOCK_SYNC ? 0x8 : 0);
}
_Static_assert(NR_HL_BLOCK_OPS <= 0x8, "an operation is three bits");

static int disk_op_apply(struct disks *d, const struct hl_rec *rec)
{
	const struct hl_rec_disk_op *r = (const void *)rec;
	struct disk_op **op = &disk_get(d, r->dev)->ops[op_index(r->nr)];

	if (!*op)
		*op = xcalloc(1, sizeof(**op));
	sums_take(&(*op)->total, r);
	sums_take(&(*op)->ivl, r);
	return 0;
}

static int disks_apply(void *state, const struct hl_rec *rec)
{
	return rec->kind == HL_KIND_DISK ? disk_apply(state, rec) : disk_op_apply(state, rec);
}

static void sums_clear(struct sums *s)
{
	for (int i = 0; i < NR_HL_BLOCK_PHASES; i++) {
		hist_reset(&s->hist[i]);
		s->ns[i] = s->max_ns[i] = 0;
	}
	s->count = s->errors = s->bytes = s->sequential = s->requeues = 0;
}

static void disks_roll(void *state)
{
	struct disks *d = state;

	for (size_t i = 0; i < d->list.n; i++) {
		struct disk *disk = d->list.v[i];

		disk->before = disk->now;
		for (int k = 0; k < NR_NRS; k++)
			if (disk->ops[k])
				sums_clear(&disk->ops[k]->ivl);
	}
	for (int k = 0; k < NR_NRS; k++)
		if (d->other.ops[k])
			sums_clear(&d->other.ops[k]->ivl);
}

/* ---- rows --------------------------------------------------------------------------- */

/* Half of a row: since start, or of the interval. */
struct half {
	uint64_t count, errors, bytes, sequential, requeues, reads, writes, merged, busy_ns, weighted_ns;
	uint64_t ns[NR_HL_BLOCK_PHASES], max_ns[NR_HL_BLOCK_PHASES], wall_ns;
	struct hist hist[NR_HL_BLOCK_PHASES];
};

/* A disk, or one operation of it. */
struct disk_row {
	const char *name, *below, *above, *label, *operation;
	uint64_t size_bytes, in_flight;
	bool known;
	struct half total, ivl;
};

static const char *const op_names[] = {
#define X(id, NAME, key) [id] = key,
	HL_BLOCK_OPS(X)
#undef X
};

/* Reads and flushes are always waited for: only of the others it is worth a word. */
static const char *index_name(unsigned int index)
{
	unsigned int op = index & 0x7;

	if (op >= ARRAY_SIZE(op_names))
		return "(other)";
	return index == (HL_BLOCK_WRITE | 0x8) ? "sync write" : op_names[op];
}

static const char *name_block_op(unsigned int op, unsigned int abi, unsigned int nr, char *buf)
{
	if (op != HL_OP_BLOCK)
		return NULL;
	return nr == HL_NR_OTHER ? "(other)" : index_name(op_index(nr));
}

static bool is_write(unsigned int index)
{
	return (index & 0x7) == HL_BLOCK_WRITE;
}

static void half_add(struct half *h, const struct sums *s, unsigned int index)
{
	h->count += s->count;
	h->errors += s->errors;
	h->bytes += s->bytes;
	h->sequential += s->sequential;
	h->requeues += s->requeues;
	h->reads += (index & 0x7) == HL_BLOCK_READ ? s->count : 0;
	h->writes += is_write(index) ? s->count : 0;
	for (int i = 0; i < NR_HL_BLOCK_PHASES; i++) {
		h->ns[i] += s->ns[i];
		h->max_ns[i] = MAX(h->max_ns[i], s->max_ns[i]);
		hist_merge(&h->hist[i], &s->hist[i]);
	}
}

/* The histograms move into the picture's memory. */
static void half_keep(struct half *h, uint64_t wall_ns, struct arena *a)
{
	h->wall_ns = wall_ns;
	for (int i = 0; i < NR_HL_BLOCK_PHASES; i++) {
		struct hist *from = &h->hist[i];
		uint64_t *cells = from->n ? arena_alloc(a, from->n * sizeof(*cells)) : NULL;

		if (cells)
			memcpy(cells, from->cells, from->n * sizeof(*cells));
		free(from->cells);
		from->cells = cells;
	}
}

static void half_figures(struct half *h, const struct figures *from, const struct figures *to)
{
	h->merged = to->merged[0] - from->merged[0] + to->merged[1] - from->merged[1];
	h->busy_ns = to->busy_ns - from->busy_ns;
	h->weighted_ns = to->weighted_ns - from->weighted_ns;
}

/* NULL: nothing to tell. */
static const char *kept(const char *s, struct arena *a)
{
	return s && *s ? arena_strn(a, s, strlen(s)) : NULL;
}

static void row_begin(struct disk_row *r, const struct disk *d, struct arena *a)
{
	*r = (struct disk_row){ .known = d->known, .size_bytes = d->size_bytes, .in_flight = d->in_flight };
	r->name = kept(d->name, a);
	r->below = kept(d->below, a);
	r->above = kept(d->above, a);
	r->label = kept(d->label, a);
}

static void row_add(struct disk_row *r, const struct disk *d)
{
	for (unsigned int i = 0; i < NR_NRS; i++) {
		if (!d->ops[i])
			continue;
		half_add(&r->total, &d->ops[i]->total, i);
		half_add(&r->ivl, &d->ops[i]->ivl, i);
	}
}

static void row_end(struct disk_row *r, const struct snap *s, struct arena *a)
{
	half_keep(&r->total, s->duration_ns, a);
	half_keep(&r->ivl, s->interval_ns, a);
}

static void disk_fill(struct disk_row *r, const struct disks *d, const struct disk *disk,
		      const struct snap *s, struct arena *a)
{
	row_begin(r, disk, a);
	row_add(r, disk);
	for (size_t i = 0; disk->whole == disk->dev && i < d->list.n; i++)
		if (d->list.v[i] != disk && d->list.v[i]->whole == disk->dev)
			row_add(r, d->list.v[i]);
	half_figures(&r->total, &disk->first, &disk->now);
	half_figures(&r->ivl, &disk->before, &disk->now);
	row_end(r, s, a);
}

/* Disks that did nothing in this capture are left out. */
static bool is_quiet(const struct disk_row *r)
{
	return !r->total.count && !r->total.weighted_ns && !r->in_flight;
}

static size_t fill_disks(struct disk_row *rows, const struct disks *d, const struct snap *s, struct arena *a)
{
	size_t n = 0;

	for (size_t i = 0; i < d->list.n; i++) {
		disk_fill(&rows[n], d, d->list.v[i], s, a);
		n += !is_quiet(&rows[n]);
	}
	disk_fill(&rows[n], d, &d->other, s, a);
	return n + !is_quiet(&rows[n]);
}

static size_t fill_ops(struct disk_row *rows, const struct disk *d, const struct snap *s, struct arena *a)
{
	size_t n = 0;

	for (unsigned int i = 0; i < NR_NRS; i++) {
		struct disk_row *r = &rows[n];

		if (!d->ops[i])
			continue;
		row_begin(r, d, a);
		r->operation = index_name(i);
		half_add(&r->total, &d->ops[i]->total, i);
		half_add(&r->ivl, &d->ops[i]->ivl, i);
		row_end(r, s, a);
		n++;
	}
	return n;
}

static const struct table_desc disks_table, disk_operations_table;

static const void *disks_rows(const void *state, const struct table_desc *t, const struct snap *s,
			      struct arena *a, size_t *n)
{
	const struct disks *d = state;
	bool is_ops = t == &disk_operations_table;
	struct disk_row *rows = arena_alloc(a, (d->list.n + 1) * (is_ops ? NR_NRS : 1) * sizeof(*rows));

	*n = 0;
	if (!is_ops) {
		*n = fill_disks(rows, d, s, a);
		return rows;
	}
	for (size_t i = 0; i < d->list.n; i++)
		*n += fill_ops(rows + *n, d->list.v[i], s, a);
	*n += fill_ops(rows + *n, &d->other, s, a);
	return rows;
}

/* ---- columns ------------------------------------------------------------------------ */

#define AT(member)    offsetof(struct disk_row, member)
#define HALF(half, m) AT(half.m)

/* The half of a row that a field's offset lies in. */
static const struct half *half_at(const struct field *f, const void *row)
{
	const struct disk_row *r = row;

	return f->offset >= AT(ivl) ? &r->ivl : &r->total;
}

static void get_rate(const struct field *f, const void *row, struct val *out)
{
	uint64_t wall = half_at(f, row)->wall_ns;

	*out = (struct val){};
	if (wall)
		*out = (struct val){ .type = VAL_F64, .f = (double)u64_at(f, row) * 1e9 / (double)wall };
}

static void get_util(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const struct disk_row *)row)->known)
		val_set_pct(out, u64_at(f, row), half_at(f, row)->wall_ns);
}

static void get_depth(const struct field *f, const void *row, struct val *out)
{
	uint64_t wall = half_at(f, row)->wall_ns;

	*out = (struct val){};
	if (((const struct disk_row *)row)->known && wall)
		*out = (struct val){ .type = VAL_F64, .f = (double)u64_at(f, row) / (double)wall };
}

static void get_sequential(const struct field *f, const void *row, struct val *out)
{
	val_set_pct(out, u64_at(f, row), half_at(f, row)->count);
}

static void get_figure(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const struct disk_row *)row)->known)
		val_set_u64(out, u64_at(f, row));
}

static void get_quantile(const struct half *h, int phase, double q, struct val *out)
{
	val_set_quantile(out, &h->hist[phase], q, h->max_ns[phase]);
}

/* clang-format off */
#define QUANTILE_OF(phase, PHASE, name, q)                                                                \
	static void get_##phase##_##name(const struct field *f, const void *row, struct val *out)        \
	{                                                                                                \
		get_quantile(half_at(f, row), HL_BLOCK_##PHASE, q, out);                                 \
	}
QUANTILE_OF(queue, QUEUE, p50, 0.5)
QUANTILE_OF(queue, QUEUE, p99, 0.99)
QUANTILE_OF(queue, QUEUE, p999, 0.999)
QUANTILE_OF(device, DEVICE, p50, 0.5)
QUANTILE_OF(device, DEVICE, p99, 0.99)
QUANTILE_OF(device, DEVICE, p999, 0.999)

#define BOTH_HALVES(name, title, help, get, member, unit_, metric_, flags_, width_, type_)                    \
	{ "interval." name, title, help ", in the interval", get, HALF(ivl, member), .unit = unit_,          \
	  .flags = FIELD_IVL | (flags_), .width = width_, .type = type_ },                                   \
	{ name, title, help " since start", get, HALF(total, member), .unit = unit_, .metric = metric_,      \
	  .flags = FIELD_TOTAL | (flags_), .width = width_, .type = type_ },

#define PHASE_FIELDS(phase, PHASE, QTITLE, what)                                                              \
	BOTH_HALVES(#phase "_p50_ns", QTITLE "50", "half of them were at most this long " what,              \
		    get_##phase##_p50, hist[HL_BLOCK_##PHASE], UNIT_NS, METRIC_NONE, FIELD_WIDE, 7, VAL_U64) \
	BOTH_HALVES(#phase "_p99_ns", QTITLE "99", "99 % of them were at most this long " what,              \
		    get_##phase##_p99, hist[HL_BLOCK_##PHASE], UNIT_NS, METRIC_NONE, FIELD_NARROW, 7,        \
		    VAL_U64)                                                                                 \
	BOTH_HALVES(#phase "_p999_ns", QTITLE "99.9", "99.9 % of them were at most this long " what,         \
		    get_##phase##_p999, hist[HL_BLOCK_##PHASE], UNIT_NS, METRIC_NONE, 0, 7, VAL_U64)         \
	BOTH_HALVES(#phase "_ns", QTITLE "SUM", "time of all requests " what, field_u64,                     \
		    ns[HL_BLOCK_##PHASE], UNIT_NS, METRIC_COUNTER, 0, 7, VAL_U64)                            \
	{ #phase "_max_ns", QTITLE "MAX", "the longest was so long " what ", since start", field_u64,        \
	  HALF(total, max_ns[HL_BLOCK_##PHASE]), .unit = UNIT_NS, .metric = METRIC_GAUGE,                    \
	  .flags = FIELD_WIDE, .width = 7 },                                                                 \
	{ #phase "_histogram", QTITLE "TIMES", "how many were how long " what ", since start", field_hist,   \
	  HALF(total, hist[HL_BLOCK_##PHASE]), .unit = UNIT_NS, .metric = METRIC_HISTOGRAM, .width = 12 },

#define COUNTS                                                                                                \
	BOTH_HALVES("count", "COUNT", "requests that were completed", field_u64, count, UNIT_COUNT,          \
		    METRIC_COUNTER, FIELD_WIDE, 6, VAL_U64)                                                  \
	BOTH_HALVES("per_s", "PER-S", "requests a second", get_rate, count, UNIT_COUNT, METRIC_NONE,         \
		    FIELD_NARROW | FIELD_SCREEN, 6, VAL_F64)                                                 \
	BOTH_HALVES("bytes", "BYTES", "bytes read and written", field_u64, bytes, UNIT_BYTES,                \
		    METRIC_COUNTER, FIELD_WIDE, 6, VAL_U64)                                                  \
	BOTH_HALVES("bytes_per_s", "B/S", "bytes a second", get_rate, bytes, UNIT_BYTES, METRIC_NONE,        \
		    FIELD_NARROW | FIELD_SCREEN, 6, VAL_F64)                                                 \
	BOTH_HALVES("errors", "ERR", "requests that failed", field_u64, errors, UNIT_COUNT,                  \
		    METRIC_COUNTER, FIELD_WIDE, 4, VAL_U64)                                                  \
	BOTH_HALVES("sequential_pct", "SEQ%", "share that began where the one before it on the disk ended",  \
		    get_sequential, sequential, UNIT_PCT, METRIC_NONE, FIELD_WIDE, 5, VAL_F64)                   \
	BOTH_HALVES("requeues", "REQUE", "times that the driver gave a request back, for it had no room",    \
		    field_u64, requeues, UNIT_COUNT, METRIC_COUNTER, FIELD_WIDE | FIELD_RARE, 5, VAL_U64)

#define PHASES                                                                                                \
	PHASE_FIELDS(queue, QUEUE, "Q", "in the queue")                                                      \
	PHASE_FIELDS(device, DEVICE, "D", "in the device")

static const struct field disk_fields[] = {
	{ "name", "DISK", "name of the disk or partition", field_str, AT(name),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_ASC, .width = 10 },
	BOTH_HALVES("utilisation_pct", "UTIL%", "share of time with any request in flight", get_util, busy_ns,
		    UNIT_PCT, METRIC_NONE, FIELD_NARROW, 5, VAL_F64)
	BOTH_HALVES("depth", "DEPTH", "requests in flight, on average", get_depth, weighted_ns, UNIT_NONE,
		    METRIC_NONE, FIELD_NARROW, 6, VAL_F64)
	BOTH_HALVES("reads", "READS", "reads that were completed", field_u64, reads, UNIT_COUNT,
		    METRIC_COUNTER, FIELD_NARROW, 6, VAL_U64)
	BOTH_HALVES("writes", "WRITES", "writes that were completed", field_u64, writes, UNIT_COUNT,
		    METRIC_COUNTER, FIELD_NARROW, 6, VAL_U64)
	COUNTS
	PHASES
	BOTH_HALVES("merged", "MERGED", "requests that went along with another", get_figure, merged, UNIT_COUNT,
		    METRIC_COUNTER, FIELD_WIDE, 6, VAL_U64)
	{ "in_flight", "NOW", "requests in flight at this moment", get_figure, AT(in_flight),
	  .unit = UNIT_COUNT, .metric = METRIC_GAUGE, .flags = FIELD_WIDE, .width = 4, .type = VAL_U64 },
	{ "size_bytes", "SIZE", "how large it is", get_figure, AT(size_bytes), .unit = UNIT_BYTES,
	  .flags = FIELD_WIDE, .width = 6, .type = VAL_U64 },
	{ "below", "ON", "the disk, the parts or the file that it is made of", field_str, AT(below),
	  .flags = FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 8 },
	{ "above", "UNDER", "the devices that are made of it", field_str, AT(above),
	  .flags = FIELD_WIDE | FIELD_ASC, .width = 8 },
	{ "label", "LABEL", "the name that a device-mapper device was given", field_str, AT(label),
	  .flags = FIELD_WIDE | FIELD_ASC, .width = 10 },
};

static const struct field disk_operation_fields[] = {
	{ "name", "DISK", "name of the disk or partition", field_str, AT(name),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_ASC, .width = 10 },
	{ "operation", "OPERATION", "what was asked of it; sync: somebody waits for it", field_str,
	  AT(operation), .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 12 },
	COUNTS
	PHASES
};
/* clang-format on */

static const struct table_desc disks_table = {
	.name = "disks",
	.title = "Disks",
	.help = "What each disk did, and how long its requests were in the queue (Q…: made and not yet given "
		"to "
		"the device) and in the device (D…). A disk's row holds what its partitions did. UTIL%, "
		"DEPTH, "
		"MERGED and NOW are the kernel's own figures.",
	.fields = disk_fields,
	.nr_fields = ARRAY_SIZE(disk_fields),
	.row_size = sizeof(struct disk_row),
	.sort = "interval.utilisation_pct",
	.sort_wide = "utilisation_pct",
};

static const struct table_desc disk_operations_table = {
	.name = "disk_operations",
	.title = "Disk operations",
	.help = "The same, for each kind of request to a disk or partition.",
	.fields = disk_operation_fields,
	.nr_fields = ARRAY_SIZE(disk_operation_fields),
	.row_size = sizeof(struct disk_row),
	.sort = "interval.count",
	.sort_wide = "count",
};

static const struct collector_rows disk_rows = {
	.kinds = 1u << HL_KIND_DISK | 1u << HL_KIND_DISK_OP,
	.open = disks_open,
	.close = disks_close,
	.apply = disks_apply,
	.rows = disks_rows,
	.roll = disks_roll,
};

static const struct table_desc *const block_tables[] = { &disks_table, &disk_operations_table, NULL };

const struct collector block_collector = { "block", block_tables, name_block_op, &disk_rows };
