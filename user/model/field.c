/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Values of fields: how to get, compare and write one, and the names of the states.
 * Called by every output and by the query; knows no column. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fmt.h"
#include "base/str.h"
#include "model/snap.h"

#define X(id, NAME, key, title, work, colour, help) [id] = key,
const char *const hl_state_names[NR_HL_STATES] = { HL_STATES(X) };
#undef X
#define X(id, NAME, key, title, work, colour, help) [id] = title,
const char *const hl_state_titles[NR_HL_STATES] = { HL_STATES(X) };
#undef X
#define X(id, NAME, key, title, work, colour, help) [id] = help,
const char *const hl_state_help[NR_HL_STATES] = { HL_STATES(X) };
#undef X
#define X(id, NAME, key, title, work, colour, help) [id] = work,
const bool hl_state_is_work_wait[NR_HL_STATES] = { HL_STATES(X) };
#undef X

/* ---- getters ------------------------------------------------------------------ */

static const void *member(const struct field *f, const void *row)
{
	return (const char *)row + f->offset;
}

void field_u64(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_U64, .u = *(const uint64_t *)member(f, row) };
}

void field_u64_opt(const struct field *f, const void *row, struct val *out)
{
	field_u64(f, row, out);
	if (!out->u)
		out->type = VAL_NONE;
}

void field_u32(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_U64, .u = *(const uint32_t *)member(f, row) };
}

void field_str(const struct field *f, const void *row, struct val *out)
{
	const char *s;

	memcpy(&s, member(f, row), sizeof(s));
	*out = (struct val){ .type = s ? VAL_STR : VAL_NONE, .s = s };
}

void field_states(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_STATES, .states = member(f, row) };
}

void field_hist(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_HIST, .hist = member(f, row) };
}

void field_state_name(const struct field *f, const void *row, struct val *out)
{
	uint8_t state = *(const uint8_t *)member(f, row);

	*out = (struct val){};
	if (state < NR_HL_STATES)
		*out = (struct val){ .type = VAL_STR, .s = hl_state_names[state] };
}

void field_stack(const struct field *f, const void *row, struct val *out)
{
	const struct snap_stack *s;

	memcpy(&s, member(f, row), sizeof(s));
	*out = (struct val){ .type = s ? VAL_STACK : VAL_NONE, .stack = s };
}

void field_chain(const struct field *f, const void *row, struct val *out)
{
	const struct snap_chain *c;

	memcpy(&c, member(f, row), sizeof(c));
	*out = (struct val){ .type = c && c->n ? VAL_CHAIN : VAL_NONE, .chain = c };
}

void field_occupants(const struct field *f, const void *row, struct val *out)
{
	const struct snap_occupants *o;

	memcpy(&o, member(f, row), sizeof(o));
	*out = (struct val){ .type = o && o->n ? VAL_OCCUPANTS : VAL_NONE, .occupants = o };
}

void field_peers(const struct field *f, const void *row, struct val *out)
{
	const struct snap_peers *p;

	memcpy(&p, member(f, row), sizeof(p));
	*out = (struct val){ .type = p && p->n ? VAL_PEERS : VAL_NONE, .peers = p };
}

enum val_type field_getter_type(const struct field *f)
{
	static const struct {
		void (*get)(const struct field *f, const void *row, struct val *out);
		enum val_type type;
	} getters[] = {
		{ field_u64, VAL_U64 },        { field_u64_opt, VAL_U64 },
		{ field_u32, VAL_U64 },        { field_str, VAL_STR },
		{ field_states, VAL_STATES },  { field_hist, VAL_HIST },
		{ field_state_name, VAL_STR }, { field_stack, VAL_STACK },
		{ field_chain, VAL_CHAIN },    { field_occupants, VAL_OCCUPANTS },
		{ field_peers, VAL_PEERS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(getters); i++)
		if (getters[i].get == f->get)
			return getters[i].type;
	return VAL_NONE;
}

struct val field_get(const struct field *f, const void *row)
{
	struct val v = {};

	f->get(f, row, &v);
	return v;
}

/* ---- which fields a table has, and shows --------------------------------------- */

const struct field *table_field(const struct table_desc *t, const char *name)
{
	for (size_t i = 0; i < t->nr_fields; i++)
		if (!strcmp(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

const struct field *field_twin(const struct table_desc *t, const struct field *f, bool total)
{
	static const char prefix[] = FIELD_IVL_PREFIX;
	size_t n = sizeof(prefix) - 1;
	bool is_ivl = !strncmp(f->name, prefix, n);

	if (is_ivl != total)
		return f;
	for (size_t i = 0; i < t->nr_fields; i++) {
		const char *name = t->fields[i].name;

		if (is_ivl ? !strcmp(name, f->name + n)
			   : !strncmp(name, prefix, n) && !strcmp(name + n, f->name))
			return &t->fields[i];
	}
	return f;
}

bool field_is_among(const struct field *f, const char *const *names, size_t n)
{
	size_t skip = strlen(FIELD_IVL_PREFIX);
	const char *bare = strncmp(f->name, FIELD_IVL_PREFIX, skip) ? f->name : f->name + skip;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], f->name) || !strcmp(names[i], bare))
			return true;
	return false;
}

bool field_fits_flavour(const struct field *f, bool total)
{
	unsigned int flavour = f->flags & (FIELD_IVL | FIELD_TOTAL);

	if (f->flags & FIELD_BOTH || !flavour)
		return true;
	return flavour & (total ? FIELD_TOTAL : FIELD_IVL);
}

bool field_tells(const struct field *f, const void *const *rows, size_t n, bool grouped)
{
	if (f->flags & FIELD_GROUPED && !grouped)
		return false;
	if (!(f->flags & FIELD_RARE) || !n)
		return true;
	for (size_t i = 0; i < n; i++) {
		struct val v = field_get(f, rows[i]);

		if (!val_is_none(&v))
			return true;
	}
	return false;
}

/* ---- comparing ------------------------------------------------------------------ */

static int cmp_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static uint64_t states_sum(const uint64_t *states)
{
	uint64_t sum = 0;

	for (int i = 0; i < NR_HL_STATES; i++)
		sum += states[i];
	return sum;
}

static int cmp_bool(const struct val *a, const struct val *b)
{
	return a->b - b->b;
}

static int cmp_unsigned(const struct val *a, const struct val *b)
{
	return cmp_u64(a->u, b->u);
}

static int cmp_signed(const struct val *a, const struct val *b)
{
	return a->i < b->i ? -1 : a->i > b->i;
}

static int cmp_float(const struct val *a, const struct val *b)
{
	return a->f < b->f ? -1 : a->f > b->f;
}

static int cmp_str(const struct val *a, const struct val *b)
{
	int order = strcasecmp(a->s, b->s);

	return order ? order : strcmp(a->s, b->s);
}

static int cmp_hist(const struct val *a, const struct val *b)
{
	return cmp_u64(a->hist->count, b->hist->count);
}

static int cmp_states(const struct val *a, const struct val *b)
{
	return cmp_u64(states_sum(a->states), states_sum(b->states));
}

static const char *innermost(const struct snap_stack *s)
{
	return s->n && s->frames[0].function ? s->frames[0].function : "";
}

/* The same stacks stand together, and such of the same end near each other. */
static int cmp_stack(const struct val *a, const struct val *b)
{
	int order = strcmp(innermost(a->stack), innermost(b->stack));

	return order ? order : cmp_u64(a->stack->id, b->stack->id);
}

/* Longer chains are worse. */
static int cmp_chain(const struct val *a, const struct val *b)
{
	return cmp_u64(a->chain->n, b->chain->n);
}

/* By who had most of it. */
static int cmp_occupants(const struct val *a, const struct val *b)
{
	return cmp_u64(a->occupants->v[0].ns, b->occupants->v[0].ns);
}

static int cmp_peers(const struct val *a, const struct val *b)
{
	return cmp_u64(a->peers->v[0].ns, b->peers->v[0].ns);
}

static int (*const cmps[])(const struct val *a, const struct val *b) = {
	[VAL_BOOL] = cmp_bool,           [VAL_U64] = cmp_unsigned, [VAL_I64] = cmp_signed,
	[VAL_F64] = cmp_float,           [VAL_STR] = cmp_str,      [VAL_HIST] = cmp_hist,
	[VAL_STATES] = cmp_states,       [VAL_STACK] = cmp_stack,  [VAL_CHAIN] = cmp_chain,
	[VAL_OCCUPANTS] = cmp_occupants, [VAL_PEERS] = cmp_peers,
};

bool val_is_none(const struct val *v)
{
	return v->type == VAL_NONE || (v->type == VAL_F64 && isnan(v->f)) || (v->type == VAL_STR && !v->s);
}

int val_cmp(const struct val *a, const struct val *b)
{
	bool a_none = val_is_none(a), b_none = val_is_none(b);

	if (a_none || b_none)
		return a_none - b_none;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return cmps[a->type](a, b);
}

/* ---- text ------------------------------------------------------------------------ */

static void add_plain(struct str *out, uint64_t u)
{
	str_addf(out, "%" PRIu64, u);
}

static void add_ns(struct str *out, uint64_t u)
{
	char buf[FMT_LEN];

	str_add(out, fmt_ns(buf, u));
}

static void add_count(struct str *out, uint64_t u)
{
	char buf[FMT_LEN];

	str_add(out, fmt_count(buf, u));
}

static void add_bytes(struct str *out, uint64_t u)
{
	char buf[FMT_LEN];

	str_add(out, fmt_bytes(buf, u));
}

static void add_pct(struct str *out, uint64_t u)
{
	char buf[FMT_LEN];

	str_add(out, fmt_pct(buf, (double)u));
}

/* The local time of day: what the clock on the wall, and the log beside it, say. */
static void add_wall(struct str *out, uint64_t real_ns)
{
	time_t sec = (time_t)(real_ns / NSEC_PER_SEC);
	unsigned int ms = (unsigned int)(real_ns % NSEC_PER_SEC / NSEC_PER_MSEC);
	struct tm tm = {};

	localtime_r(&sec, &tm);
	str_addf(out, "%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
}

static void (*const by_unit[])(struct str *out, uint64_t u) = {
	[UNIT_NONE] = add_plain, [UNIT_COUNT] = add_count, [UNIT_NS] = add_ns,     [UNIT_BYTES] = add_bytes,
	[UNIT_PCT] = add_pct,    [UNIT_BOOT] = add_ns,     [UNIT_WALL] = add_wall, [UNIT_CPUS] = add_plain,
};

/* One decimal, in whole numbers, so that no locale changes it. */
static void add_float(struct str *out, double f)
{
	double size = fabs(f) * 10 + 0.5;
	uint64_t tenths;

	if (!(size < 1e18)) {
		str_addf(out, "%.0f", f);
		return;
	}
	tenths = (uint64_t)size;
	str_addf(out, "%s%" PRIu64 ".%u", f < 0 && tenths ? "-" : "", tenths / 10,
		 (unsigned int)(tenths % 10));
}

static void text_u64(struct str *out, const struct field *f, const struct val *v, bool ascii)
{
	by_unit[f->unit](out, v->u);
}

static void text_i64(struct str *out, const struct field *f, const struct val *v, bool ascii)
{
	str_add(out, v->i < 0 ? "-" : "");
	by_unit[f->unit](out, v->i < 0 ? -(uint64_t)v->i : (uint64_t)v->i);
}

static void text_f64(struct str *out, const struct field *f, const struct val *v, bool ascii)
{
	char buf[FMT_LEN];

	if (f->unit == UNIT_PCT)
		str_add(out, fmt_pct(buf, v->f));
	else if (f->unit == UNIT_CPUS)
		str_add(out, fmt_cpus(buf, v->f));
	else if (f->unit == UNIT_NONE)
		add_float(out, v->f);
	else
		by_unit[f->unit](out, v->f > 0 ? (uint64_t)(MIN(v->f, 1.8e19) + 0.5) : 0);
}

static void text_bool(struct str *out, const struct field *f, const struct val *v, bool ascii)
{
	str_add(out, v->b ? "yes" : "no");
}

static void text_str(struct str *out, const struct field *f, const struct val *v, bool ascii)
{
	enc_text(out, v->s, strlen(v->s), ascii);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* "exec_stmt [postgres] execMain.c:123"; without a name "postgres+0x1234". */
static void uframe_text(struct str *out, const struct snap_frame *f, bool ascii)
{
	const char *module = f->module ? base_name(f->module) : NULL;

	if (f->function)
		enc_text(out, f->function, strlen(f->function), ascii);
	else if (module)
		enc_text(out, module, strlen(module), ascii);
	else
		str_addc(out, '?');
	/* where in memory that is of no file is not told: it is elsewhere in each run */
	if (!f->inlined && (f->function || f->offset))
		str_addf(out, "+0x%" PRIx64, f->offset);
	if (f->inlined)
		str_add(out, " (inlined)");
	if (f->function && module) {
		str_add(out, " [");
		enc_text(out, module, strlen(module), ascii);
		str_addc(out, ']');
	}
	if (!f->file)
		return;
	str_addc(out, ' ');
	enc_text(out, base_name(f->file), strlen(base_name(f->file)), ascii);
	if (f->line)
		str_addf(out, ":%u", f->line);
}

void frame_text(struct str *out, const struct snap_stack *s, unsigned int i, bool ascii)
{
	const struct snap_frame *f = &s->frames[i];

	if (s->user) {
		uframe_text(out, f, ascii);
		return;
	}
	if (!f->function) {
		str_add(out, "? ");
		enc_text(out, s->why ? s->why : "", s->why ? strlen(s->why) : 0, ascii);
		return;
	}
	enc_text(out, f->function, strlen(f->function), ascii);
	str_addf(out, "+0x%" PRIx64, f->offset);
	if (!f->module)
		return;
	str_add(out, " [");
	enc_text(out, f->module, strlen(f->module), ascii);
	str_addc(out, ']');
}

static bool is_named(const struct snap_stack *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->frames[i].function)
			return true;
	return false;
}

/* How every sleep ends: says nothing about this one. */
static bool is_sleep_itself(const char *function)
{
	static const char *const names[] = { "__schedule",          "schedule",
					     "io_schedule",         "schedule_timeout",
					     "io_schedule_timeout", "schedule_preempt_disabled" };

	for (size_t i = 0; function && i < ARRAY_SIZE(names); i++)
		if (!strcmp(function, names[i]))
			return true;
	return false;
}

/* How every call, and every kernel thread, begins. */
static bool is_entry_itself(const char *function)
{
	static const char *const names[] = {
		"do_syscall_64",
		"x64_sys_call",
		"entry_SYSCALL_64_after_hwframe",
		"do_fast_syscall_32",
		"do_int80_emulation",
		"entry_SYSENTER_compat_after_hwframe",
		"invoke_syscall",
		"el0_svc_common",
		"el0_svc_common.constprop.0",
		"do_el0_svc",
		"el0_svc",
		"el0t_64_sync_handler",
		"el0t_64_sync",
		"ret_from_fork",
		"ret_from_fork_asm",
	};

	for (size_t i = 0; function && i < ARRAY_SIZE(names); i++)
		if (!strcmp(function, names[i]))
			return true;
	return false;
}

/* What tells this wait from others; all of the stack stands on its page and in the exports. */
static void text_stack(struct str *out, const struct field *f, const struct val *v, bool ascii)
{
	const struct snap_stack *s = v->stack;
	unsigned int i = 0, end = s->n;

	if (s->n && !is_named(s)) {
		frame_text(out, s, 0, ascii);
		return;
	}
	while (end > 1 && is_entry_itself(s->frames[end - 1].function))
		end--;
	while (i + 1 < end && is_sleep_itself(s->frames[i].function))
		i++;
	for (const char *sep = ""; i < end; i++, sep = " < ") {
		const char *name = s->frames[i].function;

		str_add(out, sep);
		if (name)
			enc_text(out, name, strlen(name), ascii);
		else
			str_addc(out, '?');
	}
}

static void add_name(struct str *out, const char *s, bool ascii)
{
	if (!s)
		return;
	str_addc(out, ' ');
	enc_text(out, s, strlen(s), ascii);
}

void hop_text(struct str *out, const struct snap_hop *h, bool ascii)
{
	char buf[FMT_LEN];

	if (h->state >= NR_HL_STATES) {
		str_add(out, "state not known");
		return;
	}
	str_add(out, hl_state_names[h->state]);
	str_addc(out, ' ');
	str_add(out, h->least ? ">" : "");
	str_add(out, fmt_ns(buf, h->for_ns));
	if (!h->name)
		return;
	str_addc(out, ':');
	add_name(out, h->name, ascii);
	add_name(out, h->text, ascii);
}

/* Each behind the one before; what all but the last wait for is the lock of the next. */
static void text_chain(struct str *out, const struct field *f, const struct val *v, bool ascii)
{
	const struct snap_chain *c = v->chain;

	for (uint32_t i = 0; i < c->n; i++) {
		const char *comm = c->hops[i].comm;

		str_add(out, i ? " < " : "");
		if (comm)
			enc_text(out, comm, strlen(comm), ascii);
		else
			str_addf(out, "%u", c->hops[i].tid);
	}
	if (c->cycle) {
		str_add(out, " (deadlock)");
		return;
	}
	if (!c->n || c->hops[c->n - 1].state >= NR_HL_STATES)
		return;
	str_add(out, " (");
	hop_text(out, &c->hops[c->n - 1], ascii);
	str_addc(out, ')');
}

double occupant_pct(const struct snap_occupants *o, uint64_t ns)
{
	return o->of_ns ? 100.0 * (double)MIN(ns, o->of_ns) / (double)o->of_ns : 0;
}

static void add_share(struct str *out, const struct snap_occupants *o, uint64_t ns)
{
	char buf[FMT_LEN];

	str_addc(out, ' ');
	str_add(out, fmt_pct(buf, occupant_pct(o, ns)));
}

/* What no thread had, where it is worth a word. */
static void add_part(struct str *out, const struct snap_occupants *o, const char *what, uint64_t ns)
{
	if (ns <= o->of_ns / 100)
		return;
	str_add(out, what);
	add_share(out, o, ns);
}

void occupant_name(struct str *out, const struct snap_occupant *o, bool ascii)
{
	if (o->threads)
		str_addf(out, "%u other%s", o->threads, o->threads == 1 ? "" : "s");
	else if (o->comm)
		enc_text(out, o->comm, strlen(o->comm), ascii);
	else
		str_addf(out, "%u", o->tid);
}

static void text_occupants(struct str *out, const struct field *f, const struct val *v, bool ascii)
{
	const struct snap_occupants *s = v->occupants;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct snap_occupant *o = &s->v[i];

		str_add(out, i ? ", " : "");
		occupant_name(out, o, ascii);
		add_share(out, s, o->ns);
		if (!o->cgroup || !o->cgroup[0] || !o->cgroup[1])
			continue;
		str_add(out, " [");
		enc_text(out, base_name(o->cgroup), strlen(base_name(o->cgroup)), ascii);
		str_addc(out, ']');
	}
	add_part(out, s, ", interrupts", s->interrupts_ns);
	add_part(out, s, ", not known", s->of_ns - s->known_ns);
}

static void text_peers(struct str *out, const struct field *f, const struct val *v, bool ascii)
{
	for (uint32_t i = 0; i < v->peers->n; i++) {
		str_add(out, i ? ", " : "");
		str_addf(out, "%s ", v->peers->v[i].remote);
		add_ns(out, v->peers->v[i].ns);
	}
}

static void (*const texts[])(struct str *out, const struct field *f, const struct val *v, bool ascii) = {
	[VAL_BOOL] = text_bool,   [VAL_U64] = text_u64,
	[VAL_I64] = text_i64,     [VAL_F64] = text_f64,
	[VAL_STR] = text_str,     [VAL_HIST] = NULL,
	[VAL_STATES] = NULL,      [VAL_STACK] = text_stack,
	[VAL_CHAIN] = text_chain, [VAL_OCCUPANTS] = text_occupants,
	[VAL_PEERS] = text_peers,
};

void val_text(struct str *out, const struct field *f, const struct val *v, bool ascii)
{
	str_add(out, v->least && !val_is_none(v) ? ">" : ""); /* also nothing becomes a string */
	if (val_is_none(v))
		str_add(out, "-");
	else if (texts[v->type])
		texts[v->type](out, f, v, ascii);
}
