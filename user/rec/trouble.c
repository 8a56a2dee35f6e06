/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What is wrong with a recording, in one line. For the commands that read one. */
#include "base/err.h"
#include "base/str.h"
#include "rec/reader.h"

static const char *separator(const struct str *out, size_t from, const char *first, const char *later)
{
	return out->len == from ? first : later;
}

bool rec_reader_trouble(const struct rec_reader_stats *st, struct str *out)
{
	const struct {
		uint64_t n;
		const char *what;
	} losses[] = {
		{ st->bytes_lost, "bytes lost" },
		{ st->chunks_missing, "chunks missing" },
		{ st->records_bad, "records unreadable" },
		{ st->header_damaged, "header unreadable" },
	};
	size_t from = out->len;

	if (st->complete)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		if (losses[i].n)
			str_addf(out, "%s%llu %s", separator(out, from, "damaged: ", ", "),
				 (unsigned long long)losses[i].n, losses[i].what);
	if (out->len > from)
		str_addf(out, "; recovered %llu chunks", (unsigned long long)st->chunks_good);
	if (st->writer_error || st->writer_lost)
		str_addf(out, "%scut short (%s): %llu records were not written",
			 separator(out, from, "", "; "), err_str(st->writer_error),
			 (unsigned long long)st->writer_lost);
	else if (!st->finished)
		str_addf(out, "%snot finished: the recorder did not end in order",
			 separator(out, from, "", "; "));
	return true;
}
