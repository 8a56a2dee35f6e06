/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Calls of functions as lines. Called by trace.c. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fmt.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cmd/trace_inside.h"
#include "cmd/trace_lines.h"
#include "model/field.h"
#include "rec/rec.h"

#define WIDE      100   /* columns from which on there is room for all */
#define MAX_HELD  4096  /* calls of a thread that wait for their caller to be over */
#define MAX_SLOW  256   /* slow system calls of a thread that wait for the function that they were made in */
#define MAX_KEPT  65536 /* … and of all threads */
#define MAX_DEPTH 64    /* functions within each other that a system call is looked for in */

struct function {
	char *name, *file;
	uint32_t flags;
};

/* A call that waits to be printed under its caller. func 0: a slow system call, or wait, in words. */
struct held {
	struct hl_rec_func_call c;
	char *args;
};

struct caller {
	VEC(struct held) v;
	size_t slow;      /* how many of them are slow system calls */
	uint64_t until;   /* when its last outermost call was over; 0: none is, since it was printed last */
	uint64_t drain;   /* … and in which drain that came */
	uint64_t dropped; /* begin of the last slow one for which there was no room */
};

struct trace_lines {
	struct trace_look look;
	struct hash *functions; /* by id */
	char comm[HL_COMM_LEN + 1];
	struct hash *callers; /* by tid, of a tree */
	int64_t real_offset;  /* wall clock - boot */
	uint64_t count;
	uint64_t drains;
	size_t kept; /* slow system calls */
};

struct trace_lines *trace_lines_new(const struct trace_look *look)
{
	struct trace_lines *t = xcalloc(1, sizeof(*t));

	t->look = *look;
	t->functions = hash_new(sizeof(uint32_t));
	t->callers = hash_new(sizeof(uint32_t));
	t->real_offset = (int64_t)(clock_real_ns() - clock_boot_ns());
	return t;
}

static void held_free(struct caller *c)
{
	for (size_t i = 0; i < c->v.n; i++)
		free(c->v.v[i].args);
	vec_free(&c->v);
	free(c);
}

void trace_lines_free(struct trace_lines *t)
{
	struct function *f;
	struct caller *c;

	if (!t)
		return;
	for (size_t i = 0; (f = hash_next(t->functions, &i, NULL));) {
		free(f->name);
		free(f->file);
		free(f);
	}
	for (size_t i = 0; (c = hash_next(t->callers, &i, NULL));)
		held_free(c);
	hash_free(t->functions);
	hash_free(t->callers);
	free(t);
}

uint64_t trace_lines_count(const struct trace_lines *t)
{
	return t->count;
}

/* ---- what is known of who and what --------------------------------------------------------- */

static void take_function(struct trace_lines *t, const struct hl_rec *rec, struct str *out)
{
	const struct hl_rec_func *r = (const void *)rec;
	struct function *f = hash_get(t->functions, &r->id);

	if (f)
		return;
	f = xcalloc(1, sizeof(*f));
	f->name = xstrdup(rec_tail_str(rec, 0));
	f->file = xstrdup(rec_tail_str(rec, 1));
	f->flags = r->flags;
	hash_put(t->functions, &r->id, f);
}

/* Borrowed until the next one. */
static const char *comm_of(struct trace_lines *t, const struct hl_rec_func_call *c)
{
	size_t n = comm_len(c->comm);

	memcpy(t->comm, c->comm, n);
	t->comm[n] = '\0';
	return n ? t->comm : NULL;
}

/* ---- a line --------------------------------------------------------------------------------- */

static void add_time(const struct trace_lines *t, uint64_t boot, struct str *out)
{
	uint64_t real = boot + (uint64_t)t->real_offset;
	time_t s = (time_t)(real / NSEC_PER_SEC);
	struct tm tm;

	localtime_r(&s, &tm);
	str_addf(out, "%02d:%02d:%02d.%06u", tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (unsigned int)(real % NSEC_PER_SEC / 1000));
}

/* Padded to so many columns. */
static void add_padded(struct str *out, const char *text, int columns)
{
	size_t keep = str_cut(text, strlen(text), columns);
	int width = str_width(text, keep);

	str_addn(out, text, keep);
	for (; width < columns; width++)
		str_addc(out, ' ');
}

static void add_encoded(struct str *out, const char *text, bool ascii, int columns)
{
	struct str safe = {};

	enc_text(&safe, text, strlen(text), ascii);
	if (columns)
		add_padded(out, str_get(&safe), columns);
	else
		str_add(out, str_get(&safe));
	str_free(&safe);
}

/* As most functions mean it: a small number with its sign, else an address. */
static void add_result(const struct hl_rec_func_call *c, struct str *out)
{
	uint64_t r = (uint64_t)c->result;

	if (!(c->flags & HL_FUNC_CALL_RESULT))
		return;
	if (r >> 32 == 0)
		str_addf(out, " = %" PRId32, (int32_t)r);
	else if (c->result < 0 && c->result > INT32_MIN)
		str_addf(out, " = %" PRId64, (int64_t)c->result);
	else
		str_addf(out, " = 0x%" PRIx64, r);
	if (c->flags & HL_FUNC_CALL_ERROR)
		str_add(out, " ERROR");
}

/* The states that took most, as far as they are more than a hundredth. */
static void add_states(const struct hl_rec_func_call *c, struct str *out)
{
	uint32_t done = 0;

	if (!(c->flags & HL_FUNC_CALL_STATES) || !c->duration_ns)
		return;
	for (int n = 0; n < 4; n++) {
		int most = -1;

		for (int i = 0; i < NR_HL_STATES; i++)
			if (!(done >> i & 1) && (most < 0 || c->state_ns[i] > c->state_ns[most]))
				most = i;
		if (c->state_ns[most] * 100 < c->duration_ns)
			break;
		done |= 1u << most;
		str_addf(out, "%s%s %u%%", n ? ", " : "  ", hl_state_names[most],
			 (unsigned int)((c->state_ns[most] * 100 + c->duration_ns / 2) / c->duration_ns));
	}
}

static void add_call(const struct trace_lines *t, const struct hl_rec_func_call *c, const char *args,
		     struct str *out)
{
	const struct function *f = hash_get(t->functions, &c->func);

	if (!c->func) {
		str_add(out, "- ");
		add_encoded(out, args, t->look.ascii, 0);
		return;
	}
	add_encoded(out, f ? f->name : "?", t->look.ascii, 0);
	if (!f || !(f->flags & HL_FUNC_USDT) || *args) {
		str_addc(out, '(');
		add_encoded(out, args, t->look.ascii, 0);
		str_addc(out, ')');
	}
}

static bool is_narrow(const struct trace_lines *t)
{
	return t->look.width && t->look.width < WIDE;
}

void trace_lines_head(const struct trace_lines *t, struct str *out)
{
	if (t->look.json)
		return;
	str_addf(out, "%-15s ", "TIME");
	if (!is_narrow(t))
		str_addf(out, "%-15s ", "COMMAND");
	str_addf(out, "%7s %7s  %s\n", "TID", "TOOK", "CALL = RESULT  WHERE THE TIME WENT");
}

static void add_line(struct trace_lines *t, const struct hl_rec_func_call *c, const char *args,
		     unsigned int indent, struct str *out)
{
	const char *comm = comm_of(t, c);
	char took[FMT_LEN];
	size_t begin = out->len, keep;

	add_time(t, c->begin_ns, out);
	str_addc(out, ' ');
	if (!is_narrow(t)) {
		add_encoded(out, comm ? comm : "?", t->look.ascii, 15);
		str_addc(out, ' ');
	}
	str_addf(out, "%7u %7s  ", c->h.tid,
		 c->flags & HL_FUNC_CALL_POINT ? "-" : fmt_ns(took, c->duration_ns));
	for (unsigned int i = 0; i < indent; i++)
		str_add(out, "  ");
	add_call(t, c, args, out);
	add_result(c, out);
	add_states(c, out);
	if (t->look.width) {
		keep = str_cut(out->s + begin, out->len - begin, t->look.width);
		out->len = begin + keep;
		out->s[out->len] = '\0';
	}
	str_addc(out, '\n');
}

/* ---- as JSON ------------------------------------------------------------------------------------ */

static void add_string(struct str *out, const char *key, const char *text)
{
	str_addf(out, "\"%s\":\"", key);
	enc_json(out, text, strlen(text));
	str_add(out, "\",");
}

static void add_state_times(const struct hl_rec_func_call *c, struct str *out)
{
	const char *sep = "";

	str_add(out, ",\"time_ns\":{");
	for (int i = 0; i < NR_HL_STATES; i++)
		if (c->state_ns[i]) {
			str_addf(out, "%s\"%s\":%" PRIu64, sep, hl_state_names[i], (uint64_t)c->state_ns[i]);
			sep = ",";
		}
	str_addc(out, '}');
}

static void add_object(struct trace_lines *t, const struct hl_rec_func_call *c, const char *args,
		       struct str *out)
{
	const struct function *f = hash_get(t->functions, &c->func);
	const char *comm = comm_of(t, c);
	char time[40];

	str_addc(out, '{');
	add_string(out, "time", clock_rfc3339(time, c->begin_ns + (uint64_t)t->real_offset));
	str_addf(out, "\"begin_ns\":%" PRIu64 ",\"pid\":%u,\"tid\":%u,", (uint64_t)c->begin_ns, c->h.pid,
		 c->h.tid);
	if (comm)
		add_string(out, "comm", comm);
	if (!c->func)
		add_string(out, "slow", args);
	else
		add_string(out, "function", f ? f->name : "?");
	if (c->func)
		add_string(out, "file", f ? f->file : "?");
	if (c->func && *args)
		add_string(out, "args", args);
	str_addf(out, "\"depth\":%u", c->depth);
	if (c->flags & HL_FUNC_CALL_RESULT)
		str_addf(out, ",\"result\":%" PRId64 ",\"error\":%s", (int64_t)c->result,
			 c->flags & HL_FUNC_CALL_ERROR ? "true" : "false");
	if (!(c->flags & HL_FUNC_CALL_POINT))
		str_addf(out, ",\"duration_ns\":%" PRIu64 ",\"nested_ns\":%" PRIu64, (uint64_t)c->duration_ns,
			 (uint64_t)c->nested_ns);
	if (c->flags & HL_FUNC_CALL_WATCHED)
		str_addf(out, ",\"syscalls\":%" PRIu32 ",\"syscall_ns\":%" PRIu64, (uint32_t)c->syscalls,
			 (uint64_t)c->syscall_ns);
	if (c->flags & HL_FUNC_CALL_STATES)
		add_state_times(c, out);
	str_add(out, "}\n");
}

/* ---- a tree --------------------------------------------------------------------------------------- */

static int cmp_begin(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->c.begin_ns != y->c.begin_ns)
		return x->c.begin_ns < y->c.begin_ns ? -1 : 1;
	if (!x->c.func != !y->c.func)
		return x->c.func ? -1 : 1;
	return x->c.depth - y->c.depth;
}

/* The functions that begin before what comes next, and are not over then. */
struct open_calls {
	struct {
		uint64_t end;
		unsigned int depth;
	} v[MAX_DEPTH];
	unsigned int n;
};

static void open_add(struct open_calls *o, const struct hl_rec_func_call *c)
{
	if (o->n < MAX_DEPTH) {
		o->v[o->n].end = c->h.ts;
		o->v[o->n++].depth = c->depth;
	}
}

/* How deep is what was done at that moment in the innermost one that was open then? 0: none was. */
static unsigned int open_at(struct open_calls *o, uint64_t at)
{
	while (o->n && o->v[o->n - 1].end < at)
		o->n--;
	return o->n ? o->v[o->n - 1].depth + 1 : 0;
}

static void print_one(struct trace_lines *t, struct held *h, unsigned int depth, unsigned int least,
		      struct str *out)
{
	h->c.depth = (__u16)depth;
	if (t->look.json)
		add_object(t, &h->c, h->args, out);
	else
		add_line(t, &h->c, h->args, depth - least, out);
}

/* Slow ones for which there was no room were a part of that. */
static void add_dropped(const struct trace_lines *t, const struct caller *k,
			const struct hl_rec_func_call *in, struct str *out)
{
	if (!t->look.json && k->dropped >= in->begin_ns && k->dropped < in->h.ts)
		str_add(out, "(the first of the slow system calls in this one were too many to keep)\n");
}

/* What was over by then. What is slow, and in no function of these, was in none, or in one that is not over.
 */
static void print_held(struct trace_lines *t, struct caller *k, uint64_t until, struct str *out)
{
	unsigned int least = UINT32_MAX;
	struct open_calls open = {};
	uint64_t called = 0; /* a system call until then has the waits in it */
	size_t kept = 0;

	qsort(k->v.v, k->v.n, sizeof(*k->v.v), cmp_begin);
	for (size_t i = 0; i < k->v.n; i++)
		if (k->v.v[i].c.func && k->v.v[i].c.h.ts <= until)
			least = MIN(least, k->v.v[i].c.depth);
	for (size_t i = 0; i < k->v.n; i++) {
		struct held h = k->v.v[i];
		unsigned int depth = open_at(&open, h.c.begin_ns);

		if (h.c.h.ts > until && (h.c.func || !depth)) {
			k->v.v[kept++] = h;
			continue;
		}
		if (h.c.func) {
			print_one(t, &h, h.c.depth, least, out);
			if (h.c.depth == least)
				add_dropped(t, k, &h.c, out);
			open_add(&open, &h.c);
		} else {
			if (depth && (h.c.flags & HL_FUNC_CALL_RESULT || h.c.begin_ns > called))
				print_one(t, &h, depth, least, out);
			called = MAX(called, h.c.flags & HL_FUNC_CALL_RESULT ? h.c.h.ts : 0);
			k->slow--;
			t->kept--;
		}
		free(h.args);
	}
	k->v.n = kept;
	k->until = 0;
}

static struct caller *caller_get(struct trace_lines *t, uint32_t tid)
{
	struct caller *k = hash_get(t->callers, &tid);

	if (k)
		return k;
	k = xcalloc(1, sizeof(*k));
	hash_put(t->callers, &tid, k);
	return k;
}

/* What is slow in a call comes by another way than the call, and maybe one drain later. */
static void hold(struct trace_lines *t, const struct hl_rec_func_call *c, const char *args, struct str *out)
{
	struct caller *k = caller_get(t, c->h.tid);

	*vec_add(&k->v) = (struct held){ *c, xstrdup(args) };
	if (!c->depth) {
		k->until = c->h.ts;
		k->drain = t->drains;
	}
	if (k->v.n - k->slow >= MAX_HELD)
		print_held(t, k, UINT64_MAX, out);
}

/* The oldest slow one makes room. */
static void drop_slow(struct trace_lines *t, struct caller *k)
{
	size_t oldest = k->v.n;

	for (size_t i = 0; i < k->v.n; i++)
		if (!k->v.v[i].c.func &&
		    (oldest == k->v.n || k->v.v[i].c.begin_ns < k->v.v[oldest].c.begin_ns))
			oldest = i;
	if (oldest == k->v.n)
		return;
	k->dropped = k->v.v[oldest].c.begin_ns;
	free(k->v.v[oldest].args);
	k->v.v[oldest] = k->v.v[--k->v.n];
	k->slow--;
	t->kept--;
}

/* Those of threads that are in no function make room. */
static void drop_others(struct trace_lines *t)
{
	struct caller *k;

	for (size_t i = 0; (k = hash_next(t->callers, &i, NULL));)
		while (k->slow && k->v.n == k->slow)
			drop_slow(t, k);
}

static void take_slow(struct trace_lines *t, const struct hl_rec *rec, struct str *out)
{
	struct hl_rec_func_call c;
	struct str what = {};
	struct caller *k;

	if (!t->look.tree || !trace_inside(rec, &c, &what))
		return;
	k = caller_get(t, rec->tid);
	if (k->slow >= MAX_SLOW)
		drop_slow(t, k);
	if (t->kept >= MAX_KEPT)
		drop_others(t);
	if (t->kept < MAX_KEPT) {
		*vec_add(&k->v) = (struct held){ c, xstrdup(str_get(&what)) };
		k->slow++;
		t->kept++;
	} else {
		k->dropped = c.begin_ns;
	}
	str_free(&what);
}

void trace_lines_drained(struct trace_lines *t, struct str *out)
{
	struct caller *k;

	t->drains++;
	for (size_t i = 0; (k = hash_next(t->callers, &i, NULL));)
		if (k->until && k->drain + 1 < t->drains)
			print_held(t, k, k->until, out);
}

void trace_lines_rest(struct trace_lines *t, struct str *out)
{
	struct caller *k;

	for (size_t i = 0; (k = hash_next(t->callers, &i, NULL));)
		print_held(t, k, UINT64_MAX, out);
}

static void take_call(struct trace_lines *t, const struct hl_rec *rec, struct str *out)
{
	const struct hl_rec_func_call *c = (const void *)rec;
	const char *args = rec_tail_str(rec, 0);

	t->count++;
	if (t->look.tree)
		hold(t, c, args, out);
	else if (t->look.json)
		add_object(t, c, args, out);
	else
		add_line(t, c, args, 0, out);
}

static void (*const takers[HL_KIND_MAX])(struct trace_lines *t, const struct hl_rec *rec, struct str *out) = {
	[HL_KIND_FUNC] = take_function,
	[HL_KIND_FUNC_CALL] = take_call,
	[HL_KIND_SLOW] = take_slow,
};

void trace_lines_take(struct trace_lines *t, const struct hl_rec *rec, struct str *out)
{
	if (rec->kind < HL_KIND_MAX && takers[rec->kind])
		takers[rec->kind](t, rec, out);
}
