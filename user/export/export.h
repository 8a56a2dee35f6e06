/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Snapshot to bytes, one file per format. None knows a column: all follow the field table. */
#ifndef EXPORT_EXPORT_H
#define EXPORT_EXPORT_H

#include "base/str.h"
#include "model/snap.h"

struct export_opts {
	const struct query *query; /* what to show of each table; NULL: everything, in the table's order */
	const char *table;         /* only this one; NULL: all */
	bool ascii;                /* text: no UTF-8 */
	int width;                 /* text: columns; 0: as wide as needed */
	bool header;               /* text: host lines, accounting, collectors */
	bool without_argv;         /* json: leave capture.argv out, to compare documents */
	bool compact;              /* json: one line */
	const char *const *hide;   /* text: fields that get no column; NULL: none */
	size_t nr_hide;
	bool one_of_many; /* there is one for each interval: what was before is in those before */
	bool whole;       /* text: of all that was seen; its last interval is nothing apart */
};

struct exporter {
	const char *name, *help; /* the word of --format */
	/* Appends the whole document; 0 or -errno. */
	int (*write)(struct str *out, const struct snap *s, const struct export_opts *o);
};

extern const struct exporter *const all_exporters[]; /* NULL-ended */
const struct exporter *exporter_find(const char *name);
extern const struct exporter text_exporter, json_exporter, ndjson_exporter, csv_exporter, folded_exporter;

/* Appends the JSON Schema of the document: the embedded frame, with the rows of the
 * tables (NULL-ended) filled in from their fields. 0 or -errno. */
int export_schema(struct str *out, const struct table_desc *const *tables);

#endif
