/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The document "hostlat/1", whole or on one line; hostlat-1.schema.json and schema.c
 * describe it. cJSON holds one member or one row at a time, never the document, and
 * gets every number and every string as raw text: its numbers are doubles, and its
 * strings pass invalid bytes on. Reached through json_exporter and ndjson_exporter.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/part.h"

struct doc {
	struct str *out, raw;
	const char *sep; /* before the next member */
	bool compact, failed;
};

/* Takes the item. key is static: it is not copied. */
static void put(struct doc *d, cJSON *o, const char *key, cJSON *item)
{
	if (item && cJSON_AddItemToObjectCS(o, key, item))
		return;
	cJSON_Delete(item);
	d->failed = true;
}

static void put_last(struct doc *d, cJSON *array, cJSON *item)
{
	if (item && cJSON_AddItemToArray(array, item))
		return;
	cJSON_Delete(item);
	d->failed = true;
}

static cJSON *raw_item(struct doc *d)
{
	cJSON *item = cJSON_CreateRaw(str_get(&d->raw));

	d->failed |= !item;
	str_reset(&d->raw);
	return item;
}

static cJSON *str_item(struct doc *d, const char *s)
{
	str_addc(&d->raw, '"');
	enc_json(&d->raw, s, strlen(s));
	str_addc(&d->raw, '"');
	return raw_item(d);
}

static cJSON *u64_item(struct doc *d, uint64_t u)
{
	str_addf(&d->raw, "%" PRIu64, u);
	return raw_item(d);
}

static void put_u64(struct doc *d, cJSON *o, const char *key, uint64_t u)
{
	put(d, o, key, u64_item(d, u));
}

/* 0: not measured, and so left out. */
static void put_u64_opt(struct doc *d, cJSON *o, const char *key, uint64_t u)
{
	if (u)
		put_u64(d, o, key, u);
}

static void put_pct(struct doc *d, cJSON *o, const char *key, double pct)
{
	if (!isfinite(pct) || pct < 0)
		return;
	part_f64(&d->raw, pct);
	put(d, o, key, raw_item(d));
}

static void put_str(struct doc *d, cJSON *o, const char *key, const char *s)
{
	if (s)
		put(d, o, key, str_item(d, s));
}

static void put_wall(struct doc *d, cJSON *o, const char *key, uint64_t real_ns)
{
	char buf[RFC3339_LEN];

	put_str(d, o, key, clock_rfc3339(buf, real_ns));
}

/* An object of the numbers that are not zero. */
static cJSON *named_item(struct doc *d, const char *const *names, const uint64_t *v, size_t n)
{
	const char *sep = "";

	str_addc(&d->raw, '{');
	for (size_t i = 0; i < n; i++) {
		if (!v[i])
			continue;
		str_addf(&d->raw, "%s\"%s\":%" PRIu64, sep, names[i], v[i]);
		sep = ",";
	}
	str_addc(&d->raw, '}');
	return raw_item(d);
}

static cJSON *states_item(struct doc *d, const uint64_t *ns)
{
	return named_item(d, hl_state_names, ns, NR_HL_STATES);
}

static cJSON *hist_item(struct doc *d, const struct hist *h)
{
	unsigned int first, last;

	str_addf(&d->raw, "{\"scale\":%d,\"zero_count\":%" PRIu64, HL_HIST_SCALE, hist_cell(h, 0));
	if (!part_hist_range(h, &first, &last)) {
		str_add(&d->raw, ",\"offset\":0,\"counts\":[]}");
		return raw_item(d);
	}
	str_addf(&d->raw, ",\"offset\":%u,\"counts\":", first - 1 + HL_HIST_FIRST);
	for (unsigned int c = first; c <= last; c++)
		str_addf(&d->raw, "%c%" PRIu64, c == first ? '[' : ',', hist_cell(h, c));
	str_add(&d->raw, "]}");
	return raw_item(d);
}

static cJSON *chain_item(struct doc *d, const struct snap_chain *c)
{
	cJSON *array = cJSON_CreateArray();

	for (uint32_t i = 0; i < c->n; i++) {
		const struct snap_hop *h = &c->hops[i];
		cJSON *o = cJSON_CreateObject();

		put_u64(d, o, "pid", h->pid);
		put_u64(d, o, "tid", h->tid);
		put_str(d, o, "comm", h->comm);
		put_str(d, o, "by", part_holder_names[h->holder]);
		if (h->state < NR_HL_STATES) {
			put_str(d, o, "state", hl_state_names[h->state]);
			put_u64(d, o, "for_ns", h->for_ns);
			if (h->least)
				put(d, o, "lower_bound", cJSON_CreateTrue());
		}
		put_str(d, o, "name", h->name);
		put_str(d, o, "on", h->text);
		if (h->stack)
			put_u64(d, o, "kernel_stack", h->stack->id);
		if (h->user_stack)
			put_u64(d, o, "user_stack", h->user_stack->id);
		if (c->cycle && i + 1 == c->n)
			put(d, o, "deadlock", cJSON_CreateTrue());
		put_last(d, array, o);
	}
	return array;
}

static cJSON *occupants_item(struct doc *d, const struct snap_occupants *s)
{
	cJSON *array = cJSON_CreateArray();

	for (uint32_t i = 0; i < s->n; i++) {
		const struct snap_occupant *w = &s->v[i];
		cJSON *o = cJSON_CreateObject();

		put_u64_opt(d, o, "pid", w->pid);
		put_u64_opt(d, o, "tid", w->tid);
		put_str(d, o, "comm", w->comm);
		put_str(d, o, "cgroup", w->cgroup);
		put_u64_opt(d, o, "threads", w->threads);
		put_u64(d, o, "ns", w->ns);
		put_pct(d, o, "share_pct", occupant_pct(s, w->ns));
		put_last(d, array, o);
	}
	return array;
}

static cJSON *peers_item(struct doc *d, const struct snap_peers *s)
{
	cJSON *array = cJSON_CreateArray();

	for (uint32_t i = 0; i < s->n; i++) {
		cJSON *o = cJSON_CreateObject();

		put_str(d, o, "remote", s->v[i].remote);
		put_u64(d, o, "ns", s->v[i].ns);
		put_last(d, array, o);
	}
	return array;
}

/* NULL without failure: nothing was measured. */
static cJSON *val_item(struct doc *d, const struct field *f, const struct val *v)
{
	bool quoted = f->unit == UNIT_WALL && v->type == VAL_U64;

	if (v->type == VAL_STR)
		return v->s ? str_item(d, v->s) : NULL;
	if (v->type == VAL_STATES)
		return states_item(d, v->states);
	if (v->type == VAL_HIST)
		return hist_item(d, v->hist);
	if (v->type == VAL_STACK)
		return u64_item(d, v->stack->id);
	if (v->type == VAL_CHAIN)
		return chain_item(d, v->chain);
	if (v->type == VAL_OCCUPANTS)
		return occupants_item(d, v->occupants);
	if (v->type == VAL_PEERS)
		return peers_item(d, v->peers);
	str_add(&d->raw, quoted ? "\"" : "");
	if (!part_number(&d->raw, f, v))
		return NULL;
	str_add(&d->raw, quoted ? "\"" : "");
	return raw_item(d);
}

/* The object inside o in which the last part of a dotted name stands; *name moves to it. */
static cJSON *nested(cJSON *o, const char **name)
{
	char part[PART_NAME_LEN];

	while (o && part_outer(name, part)) {
		cJSON *in = cJSON_GetObjectItemCaseSensitive(o, part);

		o = in ? in : cJSON_AddObjectToObject(o, part);
	}
	return o;
}

static cJSON *row_item(struct doc *d, const struct table_desc *t, const void *row)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; i < t->nr_fields; i++) {
		const struct field *f = &t->fields[i];
		const char *name = f->name;
		cJSON *item, *in;
		struct val v;

		if (f->flags & FIELD_SCREEN)
			continue;
		v = field_get(f, row);
		item = val_item(d, f, &v);
		if (!item)
			continue;
		in = nested(o, &name);
		put(d, in, name, item);
	}
	return o;
}

/* Appends the item's text and ends it. */
static void print(struct doc *d, cJSON *item)
{
	char *text = item ? cJSON_PrintUnformatted(item) : NULL;

	if (text)
		str_add(d->out, text);
	else
		d->failed = true;
	cJSON_free(text);
	cJSON_Delete(item);
}

static void key(struct doc *d, const char *name)
{
	str_addf(d->out, "%s\"%s\":%s", d->sep, name, d->compact ? "" : " ");
	d->sep = d->compact ? "," : ",\n";
}

static void member(struct doc *d, const char *name, cJSON *item)
{
	key(d, name);
	print(d, item);
}

static void write_host(struct doc *d, const struct snap *s)
{
	cJSON *tool = cJSON_CreateObject(), *host = cJSON_CreateObject();

	put_str(d, tool, "name", "hostlat");
	put_str(d, tool, "version", s->tool_version);
	member(d, "tool", tool);
	put_str(d, host, "hostname", s->hostname);
	put_str(d, host, "kernel", s->kernel);
	put_str(d, host, "arch", s->arch);
	put_u64_opt(d, host, "cpus", s->cpus);
	put_str(d, host, "boot_id", s->boot_id);
	put_u64(d, host, "processes", s->nr_processes);
	put_u64(d, host, "threads", s->nr_threads);
	member(d, "host", host);
}

static cJSON *words_item(struct doc *d, const char *const *words)
{
	cJSON *array = cJSON_CreateArray();

	for (; words && *words; words++)
		put_last(d, array, str_item(d, *words));
	return array;
}

static cJSON *collectors_item(struct doc *d, const struct snap *s)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < s->nr_collectors; i++) {
		const struct snap_collector *c = &s->collectors[i];
		cJSON *o = cJSON_CreateObject();

		put_str(d, o, "name", c->name);
		put_str(d, o, "state", part_collector_states[c->state]);
		put_str(d, o, "reason", c->reason && *c->reason ? c->reason : NULL);
		put_last(d, array, o);
	}
	return array;
}

static cJSON *accounting_item(struct doc *d, const struct snap *s)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < s->nr_acct; i++) {
		const struct snap_acct *a = &s->acct[i];
		cJSON *o = cJSON_CreateObject(), *ivl = cJSON_CreateObject();

		put_str(d, o, "class", part_class_names[a->class_id]);
		put_u64(d, o, "seen", a->seen);
		put_u64(d, o, "delivered", a->delivered);
		put_u64(d, o, "lost", a->lost);
		put(d, o, "lost_by", named_item(d, part_loss_names, a->lost_by, NR_HL_LOSSES));
		str_addf(&d->raw, "%" PRId64, a->unaccounted);
		put(d, o, "unaccounted", raw_item(d));
		put_u64(d, ivl, "seen", a->ivl_seen);
		put_u64(d, ivl, "lost", a->ivl_lost);
		put(d, o, "interval", ivl);
		put_last(d, array, o);
	}
	return array;
}

static void write_capture(struct doc *d, const struct snap *s, const struct export_opts *o)
{
	cJSON *c = cJSON_CreateObject();

	put_wall(d, c, "started", s->real_started);
	put_wall(d, c, "ended", s->real_now);
	put_u64(d, c, "duration_ns", s->duration_ns);
	put_u64(d, c, "interval_ns", s->interval_ns);
	put_u64(d, c, "sequence", s->seq);
	put(d, c, "final", cJSON_CreateBool(s->final));
	if (!o->without_argv)
		put(d, c, "argv", words_item(d, s->argv));
	put(d, c, "filters", words_item(d, s->filters));
	put_u64_opt(d, c, "slow_threshold_ns", s->slow_ns);
	put_u64_opt(d, c, "blocked_threshold_ns", s->blocked_ns);
	put(d, c, "collectors", collectors_item(d, s));
	put(d, c, "accounting", accounting_item(d, s));
	member(d, "capture", c);
}

static void write_pressure(struct doc *d, const struct snap *s)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; i < PART_NR_PSI; i++) {
		cJSON *r;

		if (!s->psi[i].known)
			continue;
		r = cJSON_CreateObject();
		put_pct(d, r, "some_avg10_pct", s->psi[i].some_avg10);
		put_pct(d, r, "full_avg10_pct", s->psi[i].full_avg10);
		put(d, o, part_psi_names[i], r);
	}
	member(d, "pressure", o);
}

static void write_self(struct doc *d, const struct snap *s)
{
	cJSON *o;

	if (!s->self.known)
		return;
	o = cJSON_CreateObject();
	put_u64(d, o, "cpu_ns", s->self.cpu_ns);
	put_pct(d, o, "cpu_pct", s->self.cpu_pct);
	put_u64(d, o, "rss_bytes", s->self.rss_bytes);
	put_u64(d, o, "map_bytes", s->self.map_bytes);
	put_u64_opt(d, o, "bpf_ns", s->self.bpf_ns);
	put_u64_opt(d, o, "call_cost_ns", s->self.call_cost_ns);
	member(d, "self", o);
}

static void write_times(struct doc *d, const struct snap *s)
{
	cJSON *ivl = cJSON_CreateObject();

	member(d, "host_time_ns", states_item(d, s->total));
	member(d, "kthread_time_ns", states_item(d, s->kthread_total));
	put(d, ivl, "host_time_ns", states_item(d, s->ivl));
	put(d, ivl, "kthread_time_ns", states_item(d, s->kthread_ivl));
	member(d, "interval", ivl);
}

static void write_table(struct doc *d, const struct snap *s, const struct snap_table *t,
			const struct export_opts *o, cJSON *cut)
{
	struct part p;

	part_open(&p, s, t, o);
	key(d, t->desc->name);
	str_addc(d->out, '[');
	for (size_t i = 0; i < p.n && !d->failed; i++) {
		str_add(d->out, i ? "," : "");
		str_add(d->out, d->compact ? "" : "\n");
		print(d, row_item(d, t->desc, part_row(&p, i)));
	}
	str_add(d->out, p.n && !d->compact ? "\n]" : "]");
	if (p.n < p.matched) {
		cJSON *c = cJSON_CreateObject();

		put_u64(d, c, "shown", p.n);
		put_u64(d, c, "matched", p.matched);
		put(d, cut, t->desc->name, c);
	}
	part_close(&p);
}

static void write_tables(struct doc *d, const struct snap *s, const struct export_opts *o)
{
	cJSON *cut = cJSON_CreateObject();

	for (size_t i = 0; i < s->nr_tables; i++)
		if (part_wanted(&s->tables[i], o))
			write_table(d, s, &s->tables[i], o, cut);
	if (cJSON_GetArraySize(cut))
		member(d, "cut", cut);
	else
		cJSON_Delete(cut);
}

static cJSON *stack_item(struct doc *d, const struct snap_stack *s)
{
	cJSON *o = cJSON_CreateObject(), *frames = cJSON_CreateArray();

	put_u64(d, o, "id", s->id);
	for (uint32_t i = 0; i < s->n; i++) {
		cJSON *f = cJSON_CreateObject();

		put_str(d, f, "function", s->frames[i].function);
		put_str(d, f, "module", s->frames[i].module);
		if (s->frames[i].function ? !s->frames[i].inlined : s->user && s->frames[i].offset)
			put_u64(d, f, "offset", s->frames[i].offset);
		put_str(d, f, "file", s->frames[i].file);
		put_u64_opt(d, f, "line", s->frames[i].line);
		if (s->frames[i].inlined)
			put(d, f, "inlined", cJSON_CreateTrue());
		put_last(d, frames, f);
	}
	put(d, o, "frames", frames);
	put_str(d, o, "unreadable", s->why);
	if (s->user && s->unwind)
		put_str(d, o, "unwound", part_unwind_names[s->unwind]);
	if (s->cut)
		put(d, o, "cut", cJSON_CreateTrue());
	return o;
}

static void write_stacks(struct doc *d, const struct snap *s)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < s->nr_stacks; i++)
		put_last(d, array, stack_item(d, s->stacks[i]));
	member(d, "stacks", array);
}

static int json_write(struct str *out, const struct snap *s, const struct export_opts *o)
{
	struct doc d = { .out = out, .compact = o->compact };

	if (o->table && !snap_table(s, o->table)) {
		pr_err("cannot write JSON: there is no table '%s'", o->table);
		return -ENOENT;
	}
	d.sep = d.compact ? "{" : "{\n";
	member(&d, "schema", str_item(&d, "hostlat/1"));
	write_host(&d, s);
	write_capture(&d, s, o);
	write_pressure(&d, s);
	write_self(&d, s);
	write_times(&d, s);
	write_tables(&d, s, o);
	write_stacks(&d, s);
	str_add(out, d.compact ? "}\n" : "\n}\n");
	str_free(&d.raw);
	if (d.failed) {
		pr_err("cannot write JSON: out of memory");
		return -ENOMEM;
	}
	return 0;
}

static int ndjson_write(struct str *out, const struct snap *s, const struct export_opts *o)
{
	struct export_opts line = *o;

	line.compact = true;
	return json_write(out, s, &line);
}

const struct exporter json_exporter = { "json", "the whole document, hostlat/1", json_write };
const struct exporter ndjson_exporter = { "ndjson", "the document on one line", ndjson_write };
