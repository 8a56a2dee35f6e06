/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Asks each file that a spec means, and prints what it has. Called by trace.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/output.h"
#include "cmd/trace_list.h"
#include "kern/funcs.h"
#include "sym/find_kernel.h"
#include "sym/mapped.h"

#define MAX_SITES 10000 /* of a file */
#define NAME      46    /* columns */

static const struct {
	const char *key;
} costs[] = {
#define X(NAME, key) [SITE_##NAME] = { key },
	SITE_COSTS(X)
#undef X
};

struct list {
	const struct spec *s;
	const struct mapped_file *file;
	const struct find_result *found;
	struct str *out;
	size_t files, sites; /* that were written */
	struct str troubles; /* a line each */
	struct str missing;  /* the same as members of a JSON list */
};

static void add_text(struct str *out, const char *s)
{
	enc_text(out, s, strlen(s), output_ascii());
}

/* ---- text ---------------------------------------------------------------------------------------- */

static void add_arg(struct str *out, const struct site_arg *a)
{
	static const char *const where[] = { "constant", "register", "memory" };

	if (!a->size)
		str_add(out, "unreadable");
	else
		str_addf(out, "%s%d %s", a->size < 0 ? "s" : "u", 8 * (a->size < 0 ? -a->size : a->size),
			 where[a->where]);
}

static void add_remark(struct str *out, bool is, const char *remark)
{
	if (is)
		str_addf(out, "%s%s", out->len ? ", " : "", remark);
}

/* What is to be known of a site beside where it is. */
static void add_remarks(const struct list *l, const struct site *s, struct str *out)
{
	const char *clone = l->found->is_go ? NULL : find_clone(s->symbol);

	if (clone) {
		str_add(out, "clone ");
		add_text(out, clone + 1);
	}
	add_remark(out, s->no_return, "never returns itself");
	add_remark(out, s->leaves && !s->no_return, "some calls end in another function");
	add_remark(out, s->frameless, "jumps back to here");
	add_remark(out, s->semaphore != 0, "semaphore");
	for (uint32_t i = 0; i < s->n_args; i++) {
		str_addf(out, "%sarg%u ", out->len ? ", " : "", i + 1);
		add_arg(out, &s->args[i]);
	}
}

static void add_row(struct list *l, const struct site *s)
{
	struct str name = {}, remarks = {};

	add_text(&name, s->name);
	add_remarks(l, s, &remarks);
	str_add(l->out, str_get(&name));
	if (str_width(name.s, name.len) > NAME)
		str_addf(l->out, "\n%*s", NAME, "");
	else
		str_addf(l->out, "%*s", NAME - str_width(name.s, name.len), "");
	str_addf(l->out, " %#12llx  %-8s\n", (unsigned long long)s->offset, costs[s->cost].key);
	/* remarks broken at blanks to 80 columns */
	for (const char *at = str_get(&remarks); *at;) {
		size_t n = strlen(at), keep = n > 74 ? 74 : n;

		while (keep < n && keep > 1 && at[keep] != ' ')
			keep--;
		str_addf(l->out, "      %.*s\n", (int)keep, at);
		at += keep + (at[keep] == ' ');
	}
	str_free(&name);
	str_free(&remarks);
}

static void add_file(struct list *l)
{
	const struct find_result *r = l->found;

	if (l->files)
		str_addc(l->out, '\n');
	add_text(l->out, l->file->name);
	str_addc(l->out, '\n');
	if (l->file->processes)
		str_addf(l->out, "  of %zu process%s", l->file->processes,
			 l->file->processes > 1 ? "es" : "");
	else
		str_add(l->out, "  of no process now");
	str_addf(l->out, "%s%s%s\n", r->is_go ? ", Go: no return probes, its returns are probed instead" : "",
		 l->file->set_id ? ", set-user-ID: no return probes" : "",
		 r->all > r->n ? ", only the first are shown" : "");
	if (r->ifuncs)
		str_addf(l->out, "  not shown: %zu chosen when a program starts (ifunc)\n", r->ifuncs);
	if (r->refused)
		str_addf(l->out, "  not shown: %zu on which no probe can be put\n", r->refused);
	str_addf(l->out, "%-*s %12s  %s\n", NAME, l->s->q.what == FIND_USDT ? "PROBE" : "NAME", "OFFSET",
		 "COST");
	for (size_t i = 0; i < r->n; i++)
		add_row(l, &r->v[i]);
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void add_member(struct str *out, const char *key, const char *value)
{
	str_addf(out, "\"%s\":\"", key);
	enc_json(out, value, strlen(value));
	str_addc(out, '"');
}

static void add_json_args(struct str *out, const struct site *s)
{
	static const char *const where[] = { "constant", "register", "memory" };

	str_add(out, ",\"arguments\":[");
	for (uint32_t i = 0; i < s->n_args; i++) {
		const struct site_arg *a = &s->args[i];
		int size = a->size < 0 ? -a->size : a->size;

		str_addf(out, "%s{\"readable\":%s", i ? "," : "", size ? "true" : "false");
		if (size)
			str_addf(out, ",\"bytes\":%d,\"signed\":%s,\"where\":\"%s\"", size,
				 a->size < 0 ? "true" : "false", where[a->where]);
		str_addc(out, '}');
	}
	str_addc(out, ']');
}

static void add_json_site(const struct list *l, struct str *out, const struct site *s)
{
	const char *clone = l->found->is_go ? NULL : find_clone(s->symbol);

	str_addc(out, '{');
	add_member(out, "name", s->name);
	str_addc(out, ',');
	add_member(out, "symbol", s->symbol);
	str_addf(out, ",\"offset\":%llu,\"address\":%llu", (unsigned long long)s->offset,
		 (unsigned long long)s->vaddr);
	if (s->size)
		str_addf(out, ",\"size\":%llu", (unsigned long long)s->size);
	str_addf(out, ",\"cost\":\"%s\"", costs[s->cost].key);
	if (clone) {
		str_addc(out, ',');
		add_member(out, "clone", clone + 1);
	}
	if (s->semaphore)
		str_addf(out, ",\"semaphore\":%llu", (unsigned long long)s->semaphore);
	if (l->s->q.what == FIND_USDT)
		add_json_args(out, s);
	else
		str_addf(out, ",\"jumps_back\":%s", s->frameless ? "true" : "false");
	str_addc(out, '}');
}

static void add_json_file(struct list *l)
{
	const struct find_result *r = l->found;

	str_addf(l->out, "%s{", l->files ? "," : "");
	add_member(l->out, "spec", l->s->text);
	str_addc(l->out, ',');
	add_member(l->out, "path", l->file->name);
	if (*r->build_id) {
		str_addc(l->out, ',');
		add_member(l->out, "build_id", r->build_id);
	}
	str_addf(l->out,
		 ",\"processes\":%zu,\"go\":%s,\"set_id\":%s,\"found\":%zu,\"ifuncs\":%zu,\"refused\":%zu,"
		 "\"sites\":[",
		 l->file->processes, r->is_go ? "true" : "false", l->file->set_id ? "true" : "false", r->all,
		 r->ifuncs, r->refused);
	for (size_t i = 0; i < r->n; i++) {
		if (i)
			str_addc(l->out, ',');
		add_json_site(l, l->out, &r->v[i]);
	}
	str_add(l->out, "]}");
}

/* ---- files ----------------------------------------------------------------------------------------- */

/* A file, or one of that name, in which there is nothing; r: with what is like it, or NULL. */
static void add_trouble(struct list *l, const char *file, const char *why, const struct find_result *r)
{
	size_t n = r ? r->n_nearest : 0;

	str_addf(&l->troubles, "%s: %s", file, why);
	str_addf(&l->missing, "%s{", l->missing.len ? "," : "");
	add_member(&l->missing, "spec", l->s->text);
	str_addc(&l->missing, ',');
	add_member(&l->missing, "path", file);
	str_addc(&l->missing, ',');
	add_member(&l->missing, "reason", why);
	str_add(&l->missing, ",\"nearest\":[");
	for (size_t i = 0; i < n; i++) {
		str_addf(&l->troubles, "%s%s",
			 i           ? ", "
			 : r->ifuncs ? ", among "
				     : "; like it: ",
			 r->nearest[i]);
		str_addf(&l->missing, "%s\"", i ? "," : "");
		enc_json(&l->missing, r->nearest[i], strlen(r->nearest[i]));
		str_addc(&l->missing, '"');
	}
	str_addc(&l->troubles, '\n');
	str_add(&l->missing, "]}");
}

static void add_none(struct list *l)
{
	const struct find_result *r = l->found;
	char why[300];

	if (r->ifuncs)
		snprintf(why, sizeof(why), "%.80s is chosen when a program starts (an ifunc)%s", l->s->q.name,
			 r->n_nearest ? "" : "; its functions have no names here");
	else if (r->refused)
		snprintf(why, sizeof(why), "%s", r->why_refused);
	else
		snprintf(why, sizeof(why), "it has no %.200s", l->s->q.name);
	add_trouble(l, l->file->name, why, r);
}

static void list_file(struct list *l, bool json)
{
	struct find_query q = l->s->q;
	struct find_result r;
	char why[200] = "";

	q.max = MAX_SITES;
	if (find_in(l->file->fd, &q, &r, why, sizeof(why))) {
		add_trouble(l, l->file->name, why, NULL);
		return;
	}
	l->found = &r;
	if (r.n) {
		(json ? add_json_file : add_file)(l);
		l->files++;
		l->sites += r.n;
	} else {
		add_none(l);
	}
	find_free(&r);
}

static void list_spec(struct list *l, const pid_t *pids, size_t n_pids, bool json)
{
	struct mapped m;
	int err = mapped_find(l->s, pids, n_pids, &m);

	if (!m.v.n) {
		add_trouble(
			l, l->s->file,
			err ? err_str(err)
			    : "no process has mapped it, and it is in no folder of libraries or programs: "
			      "write its path",
			NULL);
	}
	for (size_t i = 0; i < m.v.n; i++) {
		l->file = &m.v.v[i];
		list_file(l, json);
	}
	mapped_free(&m);
}

/* ---- the kernel ------------------------------------------------------------------------------------ */

static void add_kernel(struct list *l, const struct kernel_found *r, bool json)
{
	if (json) {
		str_addf(l->out, "%s{", l->files ? "," : "");
		add_member(l->out, "spec", l->s->text);
		str_addf(l->out, ",\"path\":\"[kernel]\",\"found\":%zu,\"refused\":%zu,\"sites\":[", r->all,
			 r->refused);
	} else {
		str_addf(l->out, "%s[kernel]\n", l->files ? "\n" : "");
		if (r->refused)
			str_addf(l->out, "  not shown: %zu that must not be traced\n", r->refused);
		if (r->all > r->n)
			str_add(l->out, "  only the first are shown\n");
		str_addf(l->out, "%-*s  %s\n", NAME, "NAME", "MODULE");
	}
	for (size_t i = 0; i < r->n; i++) {
		const char *module = r->v[i].module ? r->v[i].module : "";

		if (json) {
			str_add(l->out, i ? ",{" : "{");
			add_member(l->out, "name", r->v[i].name);
			str_addc(l->out, ',');
			add_member(l->out, "module", module);
			str_addc(l->out, '}');
		} else {
			add_text(l->out, r->v[i].name);
			str_addf(l->out, "%*s  ", (int)MAX(0, NAME - (int)strlen(r->v[i].name)), "");
			add_text(l->out, module);
			str_addc(l->out, '\n');
		}
	}
	if (json)
		str_add(l->out, "]}");
	l->files++;
	l->sites += r->n;
}

static void list_kernel(struct list *l, bool json)
{
	struct kernel_query q = { .name = l->s->q.name, .module = l->s->file, .max = MAX_SITES };
	struct find_result near = {};
	struct kernel_found r = {};
	char why[300];

	if (func_kernel_can(why, sizeof(why)) || kernel_find(&q, &r, why, sizeof(why))) {
		add_trouble(l, "[kernel]", why, NULL);
		return;
	}
	near.nearest = r.nearest;
	near.n_nearest = r.n_nearest;
	if (!r.n && r.refused)
		snprintf(why, sizeof(why), "it is not traced: %s", r.why_refused);
	else if (!r.n)
		snprintf(why, sizeof(why), "it has no %.200s that can be traced", l->s->q.name);
	if (r.n)
		add_kernel(l, &r, json);
	else
		add_trouble(l, "[kernel]", why, &near);
	kernel_found_free(&r);
}

static int list_word(struct list *l, const char *word, const pid_t *pids, size_t n_pids, bool json)
{
	struct spec s;
	char why[300];

	if (spec_parse(word, &s, why, sizeof(why))) {
		pr_err("trace: %s", why);
		return EXIT_USAGE;
	}
	l->s = &s;
	if (s.kernel)
		list_kernel(l, json);
	else
		list_spec(l, pids, n_pids, json);
	spec_free(&s);
	return EXIT_OK;
}

static void print_troubles(struct list *l)
{
	char *rest, *line = l->troubles.s ? strtok_r(l->troubles.s, "\n", &rest) : NULL;

	for (; line; line = strtok_r(NULL, "\n", &rest))
		pr_err("%s", line);
}

static void add_legend(struct list *l)
{
	str_add(l->out, "\nA probe costs each call, on one machine where it was measured: call 0.45 us,\n"
			"emulated 0.7 us, stepped 5 to 10 us; call on kernels before 6.18 as stepped.\n");
}

int trace_list(const struct opt_list *words, const pid_t *pids, size_t n_pids, bool json)
{
	struct str out = {};
	struct list l = { .out = &out };
	int status = EXIT_OK;

	if (json)
		str_add(&out, "{\"schema\":\"hostlat-list/1\",\"files\":[");
	for (size_t i = 0; i < words->n && !status; i++)
		status = list_word(&l, words->v[i], pids, n_pids, json);
	if (json)
		str_addf(&out, "],\"missing\":[%s]}\n", str_get(&l.missing));
	else if (l.sites)
		add_legend(&l);
	if (!status) {
		print_troubles(&l);
		if ((l.sites || json) && output_stdout(&out) && status == EXIT_OK)
			status = EXIT_FAILED;
		if (!l.sites)
			status = EXIT_FAILED;
	}
	str_free(&out);
	str_free(&l.troubles);
	str_free(&l.missing);
	return status;
}
