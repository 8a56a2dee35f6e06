/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the fetcher brought, by build id. It keeps it too, so that an opener which takes the place
 * of another one is given it again, and nothing is asked of the network twice. Nobody waits here:
 * the child is told when something has come. What the child asks for leaves this host as the name
 * of what is sought: no more than WIRE_FETCHES, each of a build id's length, as one that was taken
 * over could say other things in that way.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sym/debug_file.h"
#include "sym/opener.h"

struct ofetch {
	int fd; /* -1: not here, and perhaps it never will be */
	bool refused;
};

static struct ofetch *add(struct opener *o, const char *id)
{
	struct ofetch *f = xcalloc(1, sizeof(*f));

	f->fd = -1;
	hash_put(o->fetched, id, f);
	return f;
}

/* Where the socket is full, or the fetcher is gone, it is asked again with the next question. */
static void ask_for(struct opener *o, const char *id)
{
	struct wire_fetch m = { .kind = WIRE_FETCH };

	if (o->fetch_sock < 0 || hash_count(o->fetched) >= WIRE_FETCHES)
		return;
	memcpy(m.id, id, sizeof(m.id));
	if (!wire_put(o->fetch_sock, &m, sizeof(m)))
		add(o, id);
}

static int hand_out(struct opener *o, const struct ofetch *f)
{
	struct stat st;
	int fd;

	if (fstat(f->fd, &st))
		return opener_send_missing(o, "");
	if (opener_is_bad(o, opener_key(&st), 0))
		return opener_send_missing(o, NOT_READ);
	fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? opener_send_missing(o, "") : opener_send_found(o, fd, &st, FILE_ELF);
}

static void refuse(struct opener *o, struct ofetch *f)
{
	if (!f || f->fd < 0 || f->refused)
		return;
	f->refused = true;
	opener_tell(WIRE_REFUSED, 1, -1);
}

int opener_want_fetched(struct opener *o, const struct wire_want *w)
{
	const struct ofile *of = hash_get(o->files, &w->key);
	char id[WIRE_ID] = "";
	struct ofetch *f;

	if (!of || of->type == FILE_BYTES || strlen(w->name) >= sizeof(id) || !debug_is_build_id(w->name))
		return opener_send_missing(o, "");
	memcpy(id, w->name, strlen(w->name));
	f = hash_get(o->fetched, id);
	if (w->type == WANT_REFUSE)
		refuse(o, f);
	else if (!f)
		ask_for(o, id);
	else if (f->fd >= 0 && !f->refused)
		return hand_out(o, f);
	return opener_send_missing(o, "");
}

void opener_take_fetched(struct opener *o)
{
	struct wire_fetch m;
	struct ofetch *f;
	struct stat st;
	int fd;
	ssize_t n = wire_get(o->fetch_sock, &m, sizeof(m), &fd);

	if (n <= 0) { /* it is gone, and what it brought is here */
		close(o->fetch_sock);
		o->fetch_sock = -1;
		return;
	}
	if (n != sizeof(m) || m.kind != WIRE_FETCHED || m.id[sizeof(m.id) - 1] || fd < 0 || fstat(fd, &st) ||
	    !S_ISREG(st.st_mode)) {
		cleanup_close(&fd);
		return;
	}
	f = hash_get(o->fetched, m.id);
	if (!f)
		f = add(o, m.id);
	cleanup_close(&f->fd);
	f->fd = fd;
	if (o->child_sock >= 0)
		wire_put(o->child_sock, &m, sizeof(m));
}
