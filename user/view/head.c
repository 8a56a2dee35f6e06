/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The lines at the top: where and when, pressure and own cost, the host's time by
 * state, and what was lost or is off. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fmt.h"
#include "view/app.h"

#define PRESSURE_WARN 10.0 /* percent of the time */
#define PRESSURE_BAD  40.0
#define LOSS_BAD      100 /* one of so many */

/* clang-format off */
const struct head_word head_words[] = {
	{ "Pressure", "PSI of the last 10 s: in what part of the time some thread waited for it; full: all of them did" },
	{ "hostlat", "its own CPU time, of one CPU, and its memory, with the kernel's maps" },
	{ "Busy threads", "threads that on average did not just wait for work, and in which states they were" },
	{ "lost", "events that were seen since start and could not be counted, and why; see below" },
	{ "calls", "exact counting of every system call, which costs each of them a little: key c" },
	{}
};
/* clang-format on */

static struct pen head_pen(const struct app *a, struct canvas *c, int y)
{
	return (struct pen){ c, &a->theme, 0, y, a->w };
}

static void head_clock(char *buf, size_t size, uint64_t real_ns)
{
	time_t t = (time_t)(real_ns / NSEC_PER_SEC);
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buf, size, "%H:%M:%S", &tm))
		buf[0] = 0;
}

/* 1s, not 1.00s. */
static char *fmt_step(char *buf, uint64_t ns)
{
	if (ns % NSEC_PER_SEC || ns >= 100 * NSEC_PER_SEC)
		return fmt_ns(buf, ns);
	snprintf(buf, FMT_LEN, "%us", (unsigned int)(ns / NSEC_PER_SEC));
	return buf;
}

/* Whole seconds: how long it has been measuring. */
static char *fmt_long(char *buf, uint64_t ns)
{
	ns = ns / NSEC_PER_SEC * NSEC_PER_SEC;
	return ns < 60 * NSEC_PER_SEC ? fmt_step(buf, ns) : fmt_ns(buf, ns);
}

/* Right to left, so that the clock survives a narrow screen longest. Returns where it begins. */
static int head_right(const struct app *a, struct canvas *c, int y)
{
	char clock[16] = "", frozen[] = " FROZEN ";
	int x = a->w, room = a->w - 8;

	if (a->snap)
		head_clock(clock, sizeof(clock), a->snap->real_now);
	if (a->frozen && room > (int)sizeof(frozen)) {
		x -= canvas_put(c, x - (int)strlen(frozen), y, ATTR_FROZEN, frozen);
		x--;
	}
	if (clock[0] && x - (int)strlen(clock) > 8) {
		x -= (int)strlen(clock) + 1;
		canvas_put(c, x, y, ATTR_BRAND, clock);
	}
	return x;
}

/* All of it or nothing: half a number would be another one. */
static void __printf(3, 4) head_whole(struct pen *p, unsigned int attr, const char *fmt, ...)
{
	char text[96];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p->x + text_width(text) <= p->end)
		pen_put(p, attr, text);
	else
		p->end = p->x; /* what follows would stand in its place */
}

static void head_host(const struct app *a, struct canvas *c, int y)
{
	const struct snap *s = a->snap;
	struct pen p = head_pen(a, c, y);
	char buf[FMT_LEN];

	canvas_fill(c, 0, y, a->w, ATTR_TOP, " ");
	p.end = head_right(a, c, y) - 1;
	pen_put(&p, ATTR_BRAND, " hostlat  ");
	pen_raw(&p, ATTR_TOP, a->source);
	if (s) {
		pen_put(&p, ATTR_TOP, "  ");
		pen_raw(&p, ATTR_BRAND, s->hostname ? s->hostname : "?");
		pen_put(&p, ATTR_TOP, "  ");
		pen_raw(&p, ATTR_TOP, s->kernel ? s->kernel : "?");
		/* the rows are not of the whole host */
		for (size_t i = 0; s->filters && s->filters[i]; i++) {
			pen_put(&p, ATTR_TOP, i ? " " : "  only ");
			pen_raw(&p, ATTR_BRAND, s->filters[i]);
		}
		if (s->cpus)
			head_whole(&p, ATTR_TOP, "  %u CPU%s", s->cpus, s->cpus == 1 ? "" : "s");
		head_whole(&p, ATTR_TOP, "  every %s",
			   fmt_step(buf, a->interval_ns ? a->interval_ns : s->interval_ns));
		head_whole(&p, ATTR_TOP, "  for %s", fmt_long(buf, s->duration_ns));
	}
}

static unsigned int pressure_attr(double pct)
{
	return pct >= PRESSURE_BAD ? ATTR_BAD : pct >= PRESSURE_WARN ? ATTR_WARN : ATTR_NORMAL;
}

/* `full` only where there is any: of the CPU there never is. */
static void head_pressure_of(struct pen *p, const char *name, const struct snap_psi *psi)
{
	char buf[FMT_LEN];

	pen_printf(p, ATTR_DIM, "  %s ", name);
	if (!psi->known || psi->some_avg10 < 0) {
		pen_put(p, ATTR_DIM, "-");
		return;
	}
	pen_put(p, pressure_attr(psi->some_avg10), fmt_pct(buf, psi->some_avg10));
	if (psi->full_avg10 <= 0)
		return;
	pen_put(p, ATTR_DIM, " full ");
	pen_put(p, pressure_attr(psi->full_avg10), fmt_pct(buf, psi->full_avg10));
}

static void head_pressure(const struct app *a, struct canvas *c, int y)
{
	static const char *const names[] = { "cpu", "io", "mem" };
	const struct snap *s = a->snap;
	struct pen p = head_pen(a, c, y);
	char buf[FMT_LEN], other[FMT_LEN];

	pen_put(&p, ATTR_LABEL, " Pressure");
	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		head_pressure_of(&p, names[i], &s->psi[i]);
	pen_put(&p, ATTR_LABEL, "   hostlat itself ");
	if (s->self.known) {
		pen_printf(&p, ATTR_NORMAL, "%s", fmt_pct(buf, s->self.cpu_pct));
		pen_put(&p, ATTR_DIM, " CPU ");
		pen_printf(&p, ATTR_NORMAL, "%s", fmt_bytes(buf, s->self.rss_bytes));
	} else {
		pen_put(&p, ATTR_DIM, "-");
	}
	head_whole(&p, ATTR_DIM, "   %s processes, %s threads", fmt_count(buf, s->nr_processes),
		   fmt_count(other, s->nr_threads));
}

/* Threads that were not just waiting for work, on average over the interval. */
static void head_busy(const struct app *a, struct pen *p, uint64_t sum)
{
	double n = a->snap->interval_ns ? (double)sum / (double)a->snap->interval_ns : 0;

	pen_put(p, ATTR_LABEL, a->show_work_waits ? " All threads" : " Busy threads");
	pen_printf(p, ATTR_BOLD, n < 100 ? "%*.1f " : "%*.0f ", a->show_work_waits ? 7 : 6, n);
}

static void head_time(const struct app *a, struct canvas *c, int y)
{
	struct pen p = head_pen(a, c, y);
	uint64_t states[NR_HL_STATES], sum;
	int w;

	if (!a->snap)
		return;
	for (int i = 0; i < NR_HL_STATES; i++)
		states[i] = a->snap->ivl[i] + (a->show_kthreads ? a->snap->kthread_ivl[i] : 0);
	if (!a->show_work_waits)
		states[HL_STATE_IPC] -= MIN(a->snap->rest_ns, states[HL_STATE_IPC]);
	sum = states_sum(states, a->show_work_waits);
	head_busy(a, &p, sum);
	w = MIN((a->w - p.x) * (a->w < 120 ? 3 : 4) / 10, 72);
	bar_draw(a, c, p.x, y, w, states);
	p.x += w + 2;
	if (sum)
		legend_draw(a, c, p.x, y, a->w - p.x, states);
	else
		pen_put(&p, ATTR_DIM, "nothing but waiting for work");
}

struct loss {
	uint64_t seen, lost, by[NR_HL_LOSSES];
	int64_t unaccounted;
};

static struct loss head_losses(const struct snap *s)
{
	struct loss sum = {};

	for (size_t i = 0; i < s->nr_acct; i++) {
		sum.seen += s->acct[i].seen;
		sum.lost += s->acct[i].lost;
		sum.unaccounted +=
			s->acct[i].unaccounted < 0 ? -s->acct[i].unaccounted : s->acct[i].unaccounted;
		for (int k = 0; k < NR_HL_LOSSES; k++)
			sum.by[k] += s->acct[i].lost_by[k];
	}
	return sum;
}

static void head_loss(struct pen *p, const struct snap *s)
{
	static const char *const causes[NR_HL_LOSSES] = {
#define X(id, NAME, key, help) [id] = key,
		HL_LOSSES(X)
#undef X
	};
	struct loss loss = head_losses(s);
	char lost[FMT_LEN], seen[FMT_LEN];
	const char *sep = ": ";

	pen_put(p, ATTR_NORMAL, " ");
	if (loss.unaccounted) {
		pen_printf(p, ATTR_BAD, "%s unaccounted for", fmt_count(lost, (uint64_t)loss.unaccounted));
		pen_put(p, ATTR_NORMAL, "  ");
	}
	if (!loss.lost) {
		pen_put(p, ATTR_GOOD, "nothing lost");
		pen_printf(p, ATTR_DIM, " of %s", fmt_count(seen, loss.seen));
		return;
	}
	pen_printf(p, loss.lost >= loss.seen / LOSS_BAD ? ATTR_BAD : ATTR_WARN, "lost %s",
		   fmt_count(lost, loss.lost));
	pen_printf(p, ATTR_WARN, " of %s", fmt_count(seen, loss.seen));
	for (int k = 0; k < NR_HL_LOSSES; k++) {
		if (!loss.by[k])
			continue;
		pen_printf(p, ATTR_WARN, "%s%s", sep, causes[k]);
		if (loss.by[k] < loss.lost)
			pen_printf(p, ATTR_WARN, " %s", fmt_count(lost, loss.by[k]));
		sep = ", ";
	}
}

static void head_collector(struct pen *p, const struct snap_collector *col)
{
	static const char *const states[NR_HL_COLLECTOR_STATES] = {
#define X(id, NAME, key) [id] = key,
		HL_COLLECTOR_STATES(X)
#undef X
	};
	static const enum attr attrs[NR_HL_COLLECTOR_STATES] = { ATTR_GOOD, ATTR_DIM, ATTR_WARN, ATTR_BAD };
	unsigned int state = (unsigned int)col->state % NR_HL_COLLECTOR_STATES;
	bool why = col->reason && col->reason[0];

	if (state == HL_COLLECTOR_ON && !why)
		return;
	pen_put(p, ATTR_DIM, "   ");
	pen_raw(p, ATTR_LABEL, col->name);
	pen_put(p, attrs[state], " ");
	pen_put(p, attrs[state], states[state]);
	if (!why)
		return;
	pen_put(p, ATTR_DIM, ", ");
	pen_raw(p, ATTR_DIM, col->reason);
}

static void head_trouble(const struct app *a, struct canvas *c, int y)
{
	struct pen p = head_pen(a, c, y);

	if (!a->snap)
		return;
	head_loss(&p, a->snap);
	for (size_t i = 0; i < a->snap->nr_collectors; i++)
		head_collector(&p, &a->snap->collectors[i]);
}

void head_draw(const struct app *a, struct canvas *c, const struct layout *l)
{
	static void (*const lines[NR_HEAD])(const struct app *a, struct canvas *c,
					    int y) = { head_host, head_pressure, head_time, head_trouble };

	for (int i = 0; i < NR_HEAD; i++)
		if (l->head[i] >= 0)
			lines[i](a, c, l->head[i]);
}
