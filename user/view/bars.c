/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Time by state: the bar, its legend and the list. For the head, the tables and the
 * pages. */
#include "base/fmt.h"
#include "model/field.h"
#include "view/app.h"

static bool state_counts(unsigned int state, bool work_waits)
{
	return work_waits || !hl_state_is_work_wait[state];
}

uint64_t states_sum(const uint64_t *states, bool work_waits)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < NR_HL_STATES; i++)
		if (state_counts(i, work_waits))
			sum += MIN(states[i], UINT64_MAX - sum);
	return sum;
}

int states_by_size(const uint64_t *states, bool work_waits, unsigned int order[NR_HL_STATES])
{
	int n = 0, at;

	for (unsigned int i = 0; i < NR_HL_STATES; i++) {
		if (!states[i] || !state_counts(i, work_waits))
			continue;
		for (at = n++; at > 0 && states[order[at - 1]] < states[i]; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	return n;
}

/* The state with the largest part of a cell still due. */
static unsigned int most_due(const double *due)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < NR_HL_STATES; i++)
		if (due[i] > due[best])
			best = i;
	return best;
}

int bar_split(const uint64_t *states, bool work_waits, int w, int cells[NR_HL_STATES])
{
	double sum = (double)states_sum(states, work_waits), due[NR_HL_STATES];
	int used = 0;

	for (unsigned int i = 0; i < NR_HL_STATES; i++) {
		double exact = sum > 0 && state_counts(i, work_waits) ? (double)states[i] / sum * w : 0;

		cells[i] = MIN((int)exact, MAX(w - used, 0));
		used += cells[i];
		due[i] = exact - cells[i];
	}
	for (; sum > 0 && used < w; used++) {
		unsigned int i = most_due(due);

		cells[i]++;
		due[i] -= 1;
	}
	return used;
}

void bar_draw(const struct app *a, struct canvas *c, int x, int y, int w, const uint64_t *states)
{
	int cells[NR_HL_STATES];
	int used = bar_split(states, a->show_work_waits, MAX(w, 0), cells);

	for (unsigned int i = 0; i < NR_HL_STATES; i++) {
		canvas_fill(c, x, y, cells[i], ATTR_STATE + i, theme_state_glyph(&a->theme, i));
		x += cells[i];
	}
	canvas_fill(c, x, y, w - used, ATTR_RULE, theme_glyph(&a->theme, GLYPH_EMPTY));
}

void legend_draw(const struct app *a, struct canvas *c, int x, int y, int w, const uint64_t *states)
{
	double sum = (double)states_sum(states, a->show_work_waits);
	unsigned int order[NR_HL_STATES];
	int n = states_by_size(states, a->show_work_waits, order), end = x + w;

	for (int i = 0; i < n; i++) {
		const char *title = hl_state_titles[order[i]];
		char pct[FMT_LEN];

		fmt_pct(pct, 100.0 * (double)states[order[i]] / sum);
		if (x + 3 + text_width(title) + text_width(pct) > end)
			return;
		x += canvas_put(c, x, y, ATTR_STATE + order[i], theme_state_glyph(&a->theme, order[i])) + 1;
		x += canvas_put(c, x, y, ATTR_NORMAL, title) + 1;
		x += canvas_put(c, x, y, i ? ATTR_NORMAL : ATTR_BOLD, pct) + 2;
	}
}

int states_draw(const struct app *a, struct canvas *c, int x, int y, int w, const uint64_t *states)
{
	uint64_t sum = states_sum(states, true);
	unsigned int order[NR_HL_STATES];
	int n = states_by_size(states, true, order), bar = MIN((w - 24) / 2, 60);

	for (int i = 0; i < n; i++) {
		unsigned int s = order[i];
		int len = (int)((double)states[s] / (double)sum * bar + 0.5);
		char buf[FMT_LEN];

		put_right(c, &a->theme, x, y + i, 7, ATTR_NORMAL, hl_state_titles[s]);
		put_right(c, &a->theme, x + 8, y + i, 8, ATTR_BOLD, fmt_ns(buf, states[s]));
		put_right(c, &a->theme, x + 17, y + i, 5, ATTR_DIM,
			  fmt_pct(buf, 100.0 * (double)states[s] / (double)sum));
		canvas_fill(c, x + 23, y + i, MAX(len, 1), ATTR_STATE + s, theme_state_glyph(&a->theme, s));
		if (w > 60)
			put_cut(c, &a->theme, x + 25 + bar, y + i, w - 25 - bar, ATTR_DIM, hl_state_help[s]);
	}
	return n;
}
