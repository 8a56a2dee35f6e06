/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The lines above the tables of the text format. Called by text.c only. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fmt.h"
#include "export/part.h"
#include "export/text_head.h"

#define INDENT 12 /* columns of the label before a line */

/* A labelled line of items that wraps between them. */
struct line {
	struct str *out;
	bool ascii;
	int width, col; /* width 0: never wrap */
	struct str item;
};

static void line_begin(struct line *l, const char *label)
{
	str_addf(l->out, "%-*s", INDENT, label);
	l->col = INDENT;
}

static void line_wrap(struct line *l)
{
	str_addf(l->out, "\n%*s", INDENT, "");
	l->col = INDENT;
}

/* Bytes of s that fit into what is left of the line, up to a blank where there is one. */
static size_t line_fit(const struct line *l, const char *s, size_t n)
{
	size_t keep = str_cut(s, n, MAX(l->width - l->col, 2));
	size_t blank = keep;

	if (keep == n)
		return n;
	while (blank && s[blank] != ' ')
		blank--;
	return blank ? blank : keep;
}

/* Moves the item to the line; one that is longer than a line is broken. */
static void line_item(struct line *l)
{
	const char *s = str_get(&l->item);
	size_t n = l->item.len, keep;
	int gap = l->col > INDENT ? 2 : 0;

	if (gap && l->width && l->col + gap + str_width(s, n) > l->width) {
		line_wrap(l);
		gap = 0;
	}
	str_addf(l->out, "%*s", gap, "");
	l->col += gap;
	while (l->width && (keep = line_fit(l, s, n)) < n) {
		str_addn(l->out, s, keep);
		line_wrap(l);
		for (s += keep, n -= keep; n && *s == ' '; n--)
			s++;
	}
	str_addn(l->out, s, n);
	l->col += str_width(s, n);
	str_reset(&l->item);
}

static void __printf(2, 3) item(struct line *l, const char *fmt, ...)
{
	char buf[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	str_add(&l->item, buf);
	line_item(l);
}

/* A word from outside behind one of ours; nothing when it is not known. */
static void item_word(struct line *l, const char *before, const char *word)
{
	if (!word || !*word)
		return;
	str_add(&l->item, before);
	enc_text(&l->item, word, strlen(word), l->ascii);
	line_item(l);
}

static void line_end(struct line *l)
{
	str_addc(l->out, '\n');
}

static void line_host(struct line *l, const struct snap *s)
{
	line_begin(l, "hostlat");
	item_word(l, "", s->tool_version);
	item_word(l, "host ", s->hostname);
	item_word(l, "kernel ", s->kernel);
	item_word(l, "", s->arch);
	if (s->cpus)
		item(l, "%u CPU%s", s->cpus, s->cpus == 1 ? "" : "s");
	item(l, "%u processes", s->nr_processes);
	item(l, "%u threads", s->nr_threads);
	line_end(l);
}

static void line_time(struct line *l, const struct snap *s, bool whole)
{
	char wall[RFC3339_LEN], ns[FMT_LEN];

	line_begin(l, "time");
	item(l, "%s", clock_rfc3339(wall, s->real_now));
	if (!whole)
		item(l, "interval %s", s->interval_ns ? fmt_ns(ns, s->interval_ns) : "-");
	item(l, "capture %s", fmt_ns(ns, s->duration_ns));
	if (s->slow_ns)
		item(l, "slow from %s", fmt_ns(ns, s->slow_ns));
	if (s->blocked_ns)
		item(l, "blocked from %s", fmt_ns(ns, s->blocked_ns));
	line_end(l);
}

static void line_words(struct line *l, const char *label, const char *const *words)
{
	if (!words || !*words)
		return;
	line_begin(l, label);
	for (; *words; words++)
		item_word(l, "", **words ? *words : "\"\"");
	line_end(l);
}

static void line_pressure(struct line *l, const struct snap *s)
{
	char some[FMT_LEN], full[FMT_LEN];
	bool any = false;

	for (size_t i = 0; i < PART_NR_PSI; i++) {
		if (!s->psi[i].known)
			continue;
		if (!any)
			line_begin(l, "pressure");
		any = true;
		item(l, "%s some %s full %s", part_psi_names[i],
		     s->psi[i].some_avg10 < 0 ? "-" : fmt_pct(some, s->psi[i].some_avg10),
		     s->psi[i].full_avg10 < 0 ? "-" : fmt_pct(full, s->psi[i].full_avg10));
	}
	if (any)
		line_end(l);
}

struct share {
	uint64_t ns;
	int state;
};

static int by_size(const void *pa, const void *pb)
{
	const struct share *a = pa, *b = pb;

	return a->ns != b->ns ? (a->ns < b->ns ? 1 : -1) : a->state - b->state;
}

static int by_weight(const void *pa, const void *pb)
{
	const struct share *a = pa, *b = pb;
	int work = hl_state_is_work_wait[a->state] - hl_state_is_work_wait[b->state];

	return work ? work : by_size(pa, pb);
}

/* The shares in the order in which they are named; returns how many are not zero. */
static int rank_states(struct share shares[NR_HL_STATES], const uint64_t *ns, double *sum)
{
	int n = 0;

	*sum = 0;
	for (int i = 0; i < NR_HL_STATES; i++) {
		if (ns[i])
			shares[n++] = (struct share){ ns[i], i };
		*sum += (double)ns[i];
	}
	qsort(shares, (size_t)n, sizeof(shares[0]), by_weight);
	return n;
}

static const char *share_pct(char *buf, const struct share *s, double sum)
{
	return fmt_pct(buf, 100.0 * (double)s->ns / sum);
}

/* Into `fits`, a bit each: the largest for which there is room. A lesser one in the place of one that has
 * none would mislead. */
static uint32_t shares_fit(const struct share *shares, int n, double sum, int cols)
{
	struct share sorted[NR_HL_STATES];
	uint32_t fits = 0;
	char pct[FMT_LEN];
	int used = 0;

	memcpy(sorted, shares, (size_t)n * sizeof(*shares));
	qsort(sorted, (size_t)n, sizeof(sorted[0]), by_size);
	for (int i = 0; i < n; i++) {
		used += (used ? 1 : 0) + (int)strlen(hl_state_names[sorted[i].state]) + 1 +
			(int)strlen(share_pct(pct, &sorted[i], sum));
		if (cols && used > cols)
			break;
		fits |= 1u << sorted[i].state;
	}
	return fits;
}

void text_states(struct str *out, const uint64_t *ns, int cols)
{
	struct share shares[NR_HL_STATES];
	const char *sep = "";
	char pct[FMT_LEN];
	double sum;
	int n = rank_states(shares, ns, &sum);
	uint32_t fits = shares_fit(shares, n, sum, cols);

	if (n && !fits)
		str_add(out, hl_state_names[shares[0].state]);
	for (int i = 0; i < n; i++) {
		if (!(fits >> shares[i].state & 1))
			continue;
		str_addf(out, "%s%s %s", sep, hl_state_names[shares[i].state],
			 share_pct(pct, &shares[i], sum));
		sep = " ";
	}
}

static void line_states(struct line *l, const char *label, const uint64_t *ns)
{
	struct share shares[NR_HL_STATES];
	char pct[FMT_LEN];
	double sum;
	int n = rank_states(shares, ns, &sum);

	if (!n)
		return;
	line_begin(l, label);
	for (int i = 0; i < n; i++)
		item(l, "%s %s", hl_state_names[shares[i].state], share_pct(pct, &shares[i], sum));
	line_end(l);
}

/* "lost 12 (ring_full 10, clock 2)" */
static void add_losses(struct str *out, const struct snap_acct *a)
{
	const char *sep = " (";

	if (!a->lost)
		return;
	str_addf(out, ", lost %llu", (unsigned long long)a->lost);
	for (int i = 0; i < NR_HL_LOSSES; i++) {
		if (!a->lost_by[i])
			continue;
		str_addf(out, "%s%s %llu", sep, part_loss_names[i], (unsigned long long)a->lost_by[i]);
		sep = ", ";
	}
	str_add(out, *sep == ',' ? ")" : "");
}

static void line_accounting(struct line *l, const struct snap *s)
{
	char n[FMT_LEN];

	if (!s->nr_acct)
		return;
	line_begin(l, "events");
	for (size_t i = 0; i < s->nr_acct; i++) {
		const struct snap_acct *a = &s->acct[i];

		str_addf(&l->item, "%s %s", part_class_names[a->class_id], fmt_count(n, a->seen));
		add_losses(&l->item, a);
		if (a->unaccounted)
			str_addf(&l->item, ", UNACCOUNTED %lld", (long long)a->unaccounted);
		line_item(l);
	}
	line_end(l);
}

static void lines_collectors(struct line *l, const struct snap *s)
{
	for (size_t i = 0; i < s->nr_collectors; i++) {
		const struct snap_collector *c = &s->collectors[i];

		if (c->state == HL_COLLECTOR_ON)
			continue;
		line_begin(l, part_collector_states[c->state]);
		if (c->name)
			enc_text(&l->item, c->name, strlen(c->name), l->ascii);
		if (c->reason && *c->reason) {
			str_add(&l->item, ": ");
			enc_text(&l->item, c->reason, strlen(c->reason), l->ascii);
		}
		line_item(l);
		line_end(l);
	}
}

static void line_self(struct line *l, const struct snap *s)
{
	char buf[FMT_LEN];

	line_begin(l, "own cost");
	if (!s->self.known) {
		item(l, "not measured");
		line_end(l);
		return;
	}
	item(l, "%s of one CPU", fmt_pct(buf, s->self.cpu_pct));
	item(l, "CPU time %s", fmt_ns(buf, s->self.cpu_ns));
	if (s->self.bpf_ns)
		item(l, "in BPF %s", fmt_ns(buf, s->self.bpf_ns));
	item(l, "memory %s", fmt_bytes(buf, s->self.rss_bytes));
	item(l, "maps %s", fmt_bytes(buf, s->self.map_bytes));
	if (s->self.call_cost_ns)
		item(l, "per call %s", fmt_ns(buf, s->self.call_cost_ns));
	line_end(l);
}

void text_head(struct str *out, const struct snap *s, const struct export_opts *o)
{
	struct line l = { .out = out, .ascii = o->ascii, .width = o->width };
	bool interval = s->interval_ns && !o->whole;

	line_host(&l, s);
	line_time(&l, s, o->whole);
	if (!o->without_argv)
		line_words(&l, "command", s->argv);
	line_words(&l, "filters", s->filters);
	line_pressure(&l, s);
	if (interval)
		line_states(&l, "interval", s->ivl);
	line_states(&l, "in total", s->total);
	line_states(&l, "kthreads", interval ? s->kthread_ivl : s->kthread_total);
	line_accounting(&l, s);
	lines_collectors(&l, s);
	line_self(&l, s);
	str_free(&l.item);
}
