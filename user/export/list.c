/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The formats, one line each. Called by the commands that write documents. */
#include <string.h>

#include "export/export.h"

const struct exporter *const all_exporters[] = {
	&text_exporter, &json_exporter, &ndjson_exporter, &csv_exporter, &folded_exporter, NULL,
};

const struct exporter *exporter_find(const char *name)
{
	for (size_t i = 0; all_exporters[i]; i++)
		if (!strcmp(all_exporters[i]->name, name))
			return all_exporters[i];
	return NULL;
}
