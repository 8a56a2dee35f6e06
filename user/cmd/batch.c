/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat top --batch: each interval as text or as one JSON document a line. */
#include <errno.h>

#include "base/err.h"
#include "cmd/output.h"
#include "cmd/replay.h"
#include "cmd/select.h"
#include "cmd/top.h"

struct batch {
	const struct top_values *v;
	struct str text; /* kept from interval to interval */
	unsigned int printed;
	bool unread; /* nobody reads any more */
};

static int print(struct batch *b, const struct snap *snap)
{
	const struct top_values *v = b->v;
	struct query q = { .sort = v->sort, .total = v->total };
	struct export_opts o = { .table = v->view, .query = v->sort ? &q : NULL, .compact = true };
	int err;

	str_reset(&b->text);
	if (!v->json) {
		select_text(&q, &o, v->view, v->sort, v->total, v->rows);
		if (b->printed)
			str_addc(&b->text, '\n');
	}
	o.one_of_many = true;
	o.hide = v->hide.v;
	o.nr_hide = v->hide.n;
	err = (v->json ? &json_exporter : &text_exporter)->write(&b->text, snap, &o);
	if (!err)
		err = output_stdout(&b->text);
	b->unread = err == -EPIPE;
	b->printed++;
	return err ? EXIT_FAILED : EXIT_OK;
}

static int on_snap(void *arg, const struct snap *snap)
{
	struct batch *b = arg;

	if (!snap || b->unread)
		return EXIT_OK;
	return print(b, snap);
}

int top_batch(const struct invocation *in)
{
	const struct top_values *v = in->values;
	struct batch b = { .v = v };
	struct session_cfg cfg = {
		.in = in,
		.opts = &v->live,
		.interval_ns = v->interval_ns ? v->interval_ns : TOP_INTERVAL_NS,
		.count = v->count,
		.model = true,
		.files = select_needs(v->view, "files"),
		.dns = select_needs(v->view, "dns"),
		.exchanges = select_needs(v->view, "exchanges"),
		.on_snap = on_snap,
		.arg = &b,
	};
	struct session *s;
	int status = session_open(&cfg, &s);

	if (!status)
		status = session_run(s);
	if (b.unread)
		status = EXIT_OK;
	else if (session_ended(s))
		session_print_account(s);
	session_close(s);
	str_free(&b.text);
	return status;
}

static int play(struct batch *b, struct replay *r)
{
	unsigned int count = b->v->count;
	const struct snap *snap;
	int status = EXIT_OK, more = 1;

	while (!status && (!count || b->printed < count)) {
		more = replay_next(r, &snap);
		if (more != 1)
			break;
		status = print(b, snap);
		snap_put(snap);
	}
	if (!more)
		replay_print_trouble(r);
	return more < 0 || !b->printed ? EXIT_FAILED : status;
}

int top_batch_replay(const struct invocation *in)
{
	const struct top_values *v = in->values;
	struct batch b = { .v = v };
	struct replay *r;
	int status = EXIT_FAILED;

	if (!replay_open(v->replay, &v->live.filter, &r))
		status = play(&b, r);
	replay_close(r);
	str_free(&b.text);
	return b.unread ? EXIT_OK : status;
}
