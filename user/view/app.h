/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the files of view/ share: the app, its levels (the screen that is shown and
 * those that Backspace goes back to) and panels (one table each). Nothing outside
 * view/ includes this.
 */
#ifndef VIEW_APP_H
#define VIEW_APP_H

#include "view/pen.h"
#include "view/view.h"

struct app;

/* ---- views.c: what there is to see ---------------------------------------- */

enum part_kind {
	PART_NONE,
	PART_BRIEF,     /* the words of the row in a line or two, and its time by state */
	PART_FACTS,     /* every field of the row */
	PART_STATES,    /* every time by state: a bar, and the states by size */
	PART_HIST,      /* every histogram since start */
	PART_RECENT,    /* every histogram of the last interval */
	PART_HEAT,      /* history of an operation */
	PART_HISTORY,   /* what a connection did, interval by interval */
	PART_CHAIN,     /* who it waits behind, a thread to a line */
	PART_OCCUPANTS, /* who had the CPU that it waited for, a thread to a line */
	PART_PEERS,     /* for whom it waited in `network`, a peer to a line */
	PART_STACK,     /* every kernel stack, a frame to a line */
	PART_TABLE,     /* another table, of the row's process and thread */
};

struct part {
	enum part_kind kind;
	const char *table; /* for PART_TABLE; NULL: the row's own, where the row is a group */
	const char *title; /* … NULL: that of its view */
	bool same;         /* … only rows of the same name, kind, state and path */
	const char *in;    /* … only rows that have in this field … */
	const char *by;    /* … what the row has in that one; NULL: all */
	bool optional;     /* … left out while there is nothing in it at all */
};

#define PAGE_PARTS  7
#define PAGE_PANELS 3

struct page {
	struct part parts[PAGE_PARTS];
};

struct view {
	const char *title, *table;
	int key;                    /* a digit, or a letter that is no other key's */
	const char *label;          /* fields that name a row in the breadcrumb */
	const struct page *page;    /* what Enter opens; NULL: page_row */
	const struct page *grouped; /* … on a group; NULL: page_row */
	const char *brief;          /* its title where there is little room; NULL: the same */
};

#define NR_VIEWS 24
extern const struct view views[]; /* ended by one without a title */
size_t nr_views(void);
const struct view *view_of_table(const char *table); /* NULL: none */
extern const struct page page_row, page_table;

/* ---- one table on the screen: panel.c -------------------------------------- */

struct panel {
	const char *table, *title; /* title NULL: that of its view */
	struct query q;            /* sort, filter, scope, group; the app's switches are added when it runs */
	struct str filter, same[QUERY_SAME], in_name;
	struct query_result res; /* of the app's snapshot; empty while the level is not shown */
	struct str key;          /* of the row the user is on; "" until the first move */
	size_t sel, top;         /* index of that row and of the first one visible */
	/* of a tree: ids of the rows that are open, and how far each row is set in; NULL: none is */
	struct hash *open;
	unsigned char *set_in;
};

void panel_init(struct panel *p, const char *table);
void panel_free(struct panel *p);
void panel_drop(struct panel *p);                   /* forget the result */
void panel_refresh(struct app *a, struct panel *p); /* run the query, find the row again */
void panel_goto(struct panel *p, size_t index);     /* select a row */
void panel_move(struct panel *p, long delta);
void panel_filter(struct panel *p, const char *text); /* "" for all; refresh follows */
/* Rank by f, a field of its table, and by its span; refresh follows. */
void panel_sort_by(struct app *a, struct panel *p, const struct field *f);
void panel_place(struct panel *p, int visible); /* scroll so that the selected row shows */
const void *panel_row(const struct panel *p);   /* the selected row; NULL: none */
const struct field *panel_sort(const struct app *a,
			       const struct panel *p); /* field that ranks; NULL: unknown */
bool panel_ascending(const struct app *a, const struct panel *p);
/* The values that make up the identity of a row, as bytes. */
void row_key(struct str *key, const struct table_desc *d, const void *row, enum group group);
/* The fields named in `label`, as text for the screen. */
void row_label(struct str *out, const struct app *a, const struct table_desc *d, const void *row,
	       const char *label);

/* ---- tree.c: rows that are below each other ---------------------------------- */

bool tree_shows(const struct panel *p); /* as a tree; false: as a list, as it is filtered or of one place */
void tree_arrange(struct panel *p);     /* what is not open goes, the rest in order */
const char *tree_mark(const struct panel *p, size_t i); /* before the name of a row */
/* The selected row: false if there is nothing to be done. Refresh follows. */
bool tree_open(struct panel *p);                    /* or on to the first one below it */
bool tree_close(struct panel *p);                   /* or up to the one that it is below */
void tree_open_all(struct app *a, struct panel *p); /* with all below it; closes one that is open */

/* ---- columns.c --------------------------------------------------------------- */

enum val_type field_type(const struct field *f);
bool field_sortable(const struct field *f);
bool field_left(const struct field *f); /* aligned to the left */

#define MAX_COLUMNS 128
struct column {
	const struct field *f;
	int x, w;
};
/* As the header says it: that of a group's name is what grouped. */
const char *column_title(const struct panel *p, const struct field *f);
bool column_tail(const struct panel *p, const struct field *f); /* cut from the left */
/* Columns of the panel's rows that fit into width, in order; returns how many. The one that
 * ranks is among them. */
int columns_place(struct column *cols, const struct app *a, const struct panel *p, int width);

/* ---- a screen: level.c --------------------------------------------------------- */

struct level {
	const struct page *page;
	const struct view *view; /* of the subject's table; may be NULL for a page */
	/* The subject of a page: a row, found anew by its key in every snapshot. */
	const char *table;
	enum group group;
	struct str key, label;
	const struct snap *snap; /* held: where the row lives; NULL: not found yet */
	struct query_result res; /* where a grouped row lives */
	const void *row;
	bool gone;         /* row is the last that was seen of it */
	struct heat *heat; /* NULL: none */
	struct panel panels[PAGE_PANELS];
	int nr_panels, focus; /* focus == nr_panels: the sheet has it */
	int scroll;           /* first line of the sheet that shows */
};

void level_init_top(struct level *l, const struct view *v);
void level_init_page(struct level *l, struct app *a, const struct panel *p, const void *row);
void level_free(struct level *l);
void level_refresh(struct level *l, struct app *a);
void level_leave(struct level *l);                          /* another one shows: hold no snapshot */
const struct table_desc *level_desc(const struct level *l); /* of the subject; NULL: none */
struct panel *level_panel(struct level *l);                 /* the one with the focus; NULL: none */
int level_parts(const struct level *l); /* what the focus goes round: panels, and the sheet as the last */
void level_scroll(struct level *l, struct app *a, int lines); /* the sheet */

/* ---- the app --------------------------------------------------------------------- */

enum mode { MODE_MAIN, MODE_FILTER, MODE_MENU, MODE_VIEWS, MODE_HELP, NR_MODES };

#define MAX_DEPTH 8

struct app {
	struct theme theme;
	char *source;
	uint64_t interval_ns, slow_ns;
	const char *const *hide; /* fields that get no column */
	size_t nr_hide;
	bool (*heat)(void *arg, const struct op_row *row, struct heat *out);
	void *arg;

	const struct snap *snap; /* held */
	int w, h;
	int chart_h; /* lines that a chart may take */
	bool frozen;
	bool show_work_waits, show_kthreads, total; /* for all tables */

	struct level tops[NR_VIEWS];
	size_t view;
	struct level stack[MAX_DEPTH];
	int depth; /* 0: the view itself shows */

	enum mode mode;
	int menu, scroll; /* line chosen in the menu; first line of the help */
	char *message;
	bool message_error;
};

struct level *app_level(const struct app *a);      /* the one that shows */
struct panel *app_panel(const struct app *a);      /* with the focus; NULL: none */
void app_refresh(struct app *a);                   /* after a change of snapshot, query or size */
void app_place(struct app *a);                     /* after a change of selection */
unsigned int app_show(struct app *a, size_t view); /* ACTION_ bits */
void app_open(struct app *a);                      /* the selected row */
void app_back(struct app *a);

/* ---- layout.c ------------------------------------------------------------------------ */

struct rect {
	int x, y, w, h;
};

#define NR_HEAD 4
struct layout {
	int head[NR_HEAD];               /* line of each head line; -1: not shown */
	int tabs, crumb, bottom;         /* -1: not shown */
	struct rect sheet;               /* h 0: none */
	struct rect panels[PAGE_PANELS]; /* title line included where titled */
	bool titled;                     /* panels have a line of their own above the table header */
};
void layout_make(struct layout *l, const struct app *a);
/* Lines for rows in a panel of this rectangle. */
int layout_rows(const struct layout *l, int panel);

/* ---- keys.c, input.c -------------------------------------------------------------------- */

#define KEY_ALWAYS (1u << 0) /* its word stands at the right end, whatever the width */
#define KEY_PANEL  (1u << 1) /* its word stands only where a table has the focus */
#define KEY_WIDE   (1u << 2) /* … and only on a wide screen */

struct key {
	int codes[4];     /* 0: none */
	const char *name; /* as the help writes it */
	const char *word; /* for the bottom line; NULL: only in the help */
	const char *help; /* NULL: the row before tells of this one too */
	unsigned int (*act)(struct app *a, int arg);
	int arg;
	unsigned int flags;
};
extern const struct key keys[]; /* ended by one without a name */

unsigned int filter_key(struct app *a, int key);
unsigned int menu_key(struct app *a, int key);
unsigned int help_key(struct app *a, int key);
unsigned int mouse_key(struct app *a, int key);
unsigned int main_key(struct app *a, int key);

/* ---- menu.c: fields to sort by, views -------------------------------------------------------- */

int menu_count(const struct app *a); /* lines of the menu of this mode; 0: it is none */
const struct field *menu_field(const struct app *a, int index); /* NULL: no more */
int menu_current(const struct app *a);                          /* the field that ranks */
int menu_at(const struct app *a, int x, int y);                 /* the line drawn there; -1: none */

/* ---- drawing ------------------------------------------------------------------------------ */

void head_draw(const struct app *a, struct canvas *c, const struct layout *l);
/* What the words in the head mean, for the help; ended by one without a word. */
struct head_word {
	const char *word, *help;
};
extern const struct head_word head_words[];
void table_draw(const struct app *a, struct canvas *c, const struct level *l, int panel,
		const struct layout *lay);
/* The tab at column x of the tab line, or -1. */
int tab_at(const struct app *a, int x);
/* These return the lines that they take; scroll: the first line that shows. */
int sheet_draw(const struct app *a, struct canvas *c, const struct level *l, struct rect r, int scroll);
int states_draw(const struct app *a, struct canvas *c, int x, int y, int w, const uint64_t *states);
int hist_draw(const struct app *a, struct canvas *c, struct rect r, const struct hist *h, uint64_t max_ns);
int heat_draw(const struct app *a, struct canvas *c, struct rect r, const struct heat *h);
/* The line below what goes on over time. */
void time_axis_draw(const struct app *a, struct canvas *c, int x, int y, int w, uint64_t span_ns);
int history_draw(const struct app *a, struct canvas *c, struct rect r, const struct snap *snap,
		 const struct conn_row *row);
int help_draw(const struct app *a, struct canvas *c, int scroll);
void menu_draw(const struct app *a, struct canvas *c);

/* Divide w cells over the states, by their time; returns how many are used: w, or 0 when no time
 * is to be shown. */
int bar_split(const uint64_t *states, bool work_waits, int w, int cells[NR_HL_STATES]);
void bar_draw(const struct app *a, struct canvas *c, int x, int y, int w, const uint64_t *states);
/* Coloured "DISK 40%" of the largest states, as far as they fit. */
void legend_draw(const struct app *a, struct canvas *c, int x, int y, int w, const uint64_t *states);
/* States with time, largest first; returns how many. */
int states_by_size(const uint64_t *states, bool work_waits, unsigned int order[NR_HL_STATES]);
uint64_t states_sum(const uint64_t *states, bool work_waits);

#endif
