/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Folded stacks, as flame graphs are made of: a line for each place where waits were slow, its
 * frames from the outermost to the innermost with a semicolon between them, and the time in
 * microseconds. The first three are the command, the state and the call. One of the formats of
 * list.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "export/export.h"
#include "export/part.h"

#define FOLDED_TABLE "waits_by_stack"

/* What tells frames apart, and frames from the number, is not in any of them. */
static void folded_name(struct str *out, const char *s)
{
	size_t at = out->len;

	enc_text(out, s ? s : "?", s ? strlen(s) : 1, true);
	for (; at < out->len; at++)
		if (out->s[at] == ';' || out->s[at] == ' ')
			out->s[at] = out->s[at] == ';' ? ':' : '_';
}

/* One without a name is its module's. */
static void folded_function(struct str *out, const struct snap_frame *f)
{
	const char *file = f->module ? strrchr(f->module, '/') : NULL;

	if (f->function || !f->module) {
		folded_name(out, f->function);
		return;
	}
	str_addc(out, '[');
	folded_name(out, file ? file + 1 : f->module);
	str_addc(out, ']');
}

static void folded_frames(struct str *out, const struct snap_stack *s)
{
	if (s && s->cut)
		str_add(out, ";(cut)");
	for (uint32_t i = s ? s->n : 0; i-- > 0;) {
		str_addc(out, ';');
		folded_function(out, &s->frames[i]);
	}
}

static void folded_line(struct str *out, const struct waited_row *r)
{
	folded_name(out, r->comm);
	folded_frames(out, r->user_stack);
	str_addc(out, ';');
	folded_name(out, r->state < NR_HL_STATES ? hl_state_names[r->state] : NULL);
	str_addc(out, ';');
	folded_name(out, r->name);
	folded_frames(out, r->stack);
}

/* What the same line comes to: rows are apart by address, lines by name. */
struct sum {
	char *line;
	uint64_t ns;
};

struct sums {
	VEC(struct sum) v;
	struct hash *by_line; /* of what a line hashes to -> its place, from 1 on */
};

static void sums_add(struct sums *sums, const struct waited_row *r)
{
	struct str line = {};
	uint64_t key;
	size_t at;

	folded_line(&line, r);
	key = hash_bytes(line.s, line.len);
	at = (size_t)(uintptr_t)hash_get(sums->by_line, &key);
	if (!at) {
		*vec_add(&sums->v) = (struct sum){ .line = xstrdup(line.s) };
		at = sums->v.n;
		hash_put(sums->by_line, &key, (void *)(uintptr_t)at);
	}
	sums->v.v[at - 1].ns += r->total_ns;
	str_free(&line);
}

static void sums_write(struct str *out, struct sums *sums)
{
	for (size_t i = 0; i < sums->v.n; i++) {
		str_addf(out, "%s %" PRIu64 "\n", sums->v.v[i].line, sums->v.v[i].ns / 1000);
		free(sums->v.v[i].line);
	}
	vec_free(&sums->v);
	hash_free(sums->by_line);
}

static int folded_write(struct str *out, const struct snap *s, const struct export_opts *o)
{
	const struct snap_table *t = snap_table(s, FOLDED_TABLE);
	struct sums sums = {};
	struct part p;

	if (o->table && strcmp(o->table, FOLDED_TABLE)) {
		pr_err("cannot write folded stacks: only the view '%s' has some", FOLDED_TABLE);
		return -ENOENT;
	}
	sums.by_line = hash_new(sizeof(uint64_t));
	part_open(&p, s, t, o);
	for (size_t i = 0; i < p.n; i++)
		sums_add(&sums, part_row(&p, i));
	part_close(&p);
	sums_write(out, &sums);
	return 0;
}

const struct exporter folded_exporter = { "folded", "slow waits by stack, for flame graphs; in microseconds",
					  folded_write };
