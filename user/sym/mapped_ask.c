/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Asks a child which files a spec means, and that child. It is no more than mapped.c in a process of its own:
 * it opens files and does not read them, so it keeps its rights; but whoever opens what others have mapped
 * may have to wait for them. Called by kern/func_files.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "sym/helper.h"
#include "sym/mapped.h"
#include "sym/wire.h"

#define SOCK    STDIN_FILENO
#define TIME_NS (10 * NSEC_PER_SEC)

/* Behind it: the spec, the path, with their NUL. */
struct wire_mapping {
	uint32_t kind, pid;
	uint64_t ino;
	uint32_t spec_len, path_len;
};

/* Behind it: the file's name with its NUL. */
struct wire_mapped {
	uint32_t kind, pid;
	uint64_t dev, ino;
	uint32_t set_id, name_len;
};

struct mapped_ask {
	int sock;
	pid_t pid;
	uint64_t deadline;
	struct mapped found;
	bool done;
	int err;
};

/* ---- asking -------------------------------------------------------------------------------------- */

static int send_question(struct mapped_ask *a, const struct spec *s, const struct mapping_seen *seen)
{
	const char *path = seen->path ? seen->path : "";
	struct wire_mapping m = { .kind = WIRE_MAPPING,
				  .pid = (uint32_t)seen->pid,
				  .ino = seen->ino,
				  .spec_len = (uint32_t)strlen(s->text) + 1,
				  .path_len = (uint32_t)strlen(path) + 1 };
	struct iovec v[] = { { &m, sizeof(m) }, { s->text, m.spec_len }, { (char *)path, m.path_len } };

	return wire_send(a->sock, v, ARRAY_SIZE(v), -1);
}

struct mapped_ask *mapped_begin(const struct spec *s, const struct mapping_seen *seen)
{
	struct mapped_ask *a = xcalloc(1, sizeof(*a));

	a->sock = -1;
	a->deadline = clock_mono_ns() + TIME_NS;
	a->err = helper_ask(SYM_MAPPED, &a->sock, &a->pid);
	if (!a->err)
		a->err = send_question(a, s, seen);
	return a;
}

/* fd is taken over. */
static int take(struct mapped_ask *a, const char *in, size_t n, int fd)
{
	struct wire_mapped w;
	struct mapped_file *f;

	if (n < sizeof(w)) {
		cleanup_close(&fd);
		return -EPROTO;
	}
	memcpy(&w, in, sizeof(w));
	if (w.kind == WIRE_MAPPED && !w.name_len && fd < 0) { /* that was all */
		a->done = true;
		a->found.gone = w.pid != 0;
		return 0;
	}
	if (fd < 0)
		return -EMFILE;
	if (w.kind != WIRE_MAPPED || !w.name_len || n != sizeof(w) + w.name_len || in[n - 1]) {
		close(fd);
		return -EPROTO;
	}
	f = vec_add(&a->found.v);
	*f = (struct mapped_file){ .dev = w.dev,
				   .ino = w.ino,
				   .fd = fd,
				   .name = xstrdup(in + sizeof(w)),
				   .pid = (pid_t)w.pid,
				   .set_id = w.set_id != 0 };
	return 0;
}

bool mapped_step(struct mapped_ask *a)
{
	struct pollfd p = { a->sock, POLLIN, 0 };
	char in[sizeof(struct wire_mapped) + WIRE_PATH + 1];
	int fd;

	while (!a->done && !a->err) {
		ssize_t n;

		if (clock_mono_ns() >= a->deadline) {
			a->err = -ETIMEDOUT;
			break;
		}
		if (poll(&p, 1, 0) <= 0)
			return false;
		n = wire_get(a->sock, in, sizeof(in), &fd);
		a->err = n > 0 ? take(a, in, (size_t)n, fd) : n < 0 ? (int)n : -EPIPE;
	}
	return true;
}

int mapped_end(struct mapped_ask *a, struct mapped *out)
{
	int err = a->err ? a->err : a->done ? 0 : -ECANCELED;

	if (a->sock >= 0)
		close(a->sock);
	if (a->pid > 0) {
		kill(a->pid, SIGKILL);
		/* one that hangs for good, in another's file, is not waited for */
		waitpid(a->pid, NULL, a->done ? 0 : WNOHANG);
	}
	*out = a->found;
	free(a);
	return err;
}

/* ---- the child ----------------------------------------------------------------------------------- */

static void answer(const struct mapped_file *f)
{
	struct wire_mapped w = { .kind = WIRE_MAPPED,
				 .pid = (uint32_t)f->pid,
				 .dev = f->dev,
				 .ino = f->ino,
				 .set_id = f->set_id,
				 .name_len = (uint32_t)strnlen(f->name, WIRE_PATH - 1) + 1 };
	struct iovec v[] = { { &w, sizeof(w) }, { f->name, w.name_len - 1 }, { (char *)"", 1 } };

	if (wire_send(SOCK, v, ARRAY_SIZE(v), f->fd))
		_exit(1);
}

/* Of one process, or of all; of one that is gone meanwhile, what it had mapped is looked for here. */
static void look(const struct wire_mapping *m, const struct spec *s, const char *path, struct mapped *out)
{
	pid_t pid = (pid_t)m->pid;

	mapped_find(s, &pid, pid ? 1 : 0, out);
	if (!out->v.n && *path)
		mapped_add_path(out, path, m->ino);
}

void mapped_main(void)
{
	char in[sizeof(struct wire_mapping) + 3 * WIRE_PATH], why[8];
	const struct wire_mapping *m = (const void *)in;
	const char *text = (const char *)(m + 1);
	struct wire_mapped end = { .kind = WIRE_MAPPED };
	struct mapped found = {};
	struct spec s;
	ssize_t n;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	wire_only_these(SOCK);
	n = wire_get(SOCK, in, sizeof(in), &fd);
	if (n < (ssize_t)sizeof(*m) || m->kind != WIRE_MAPPING || !m->spec_len || !m->path_len ||
	    (size_t)n != sizeof(*m) + m->spec_len + m->path_len || text[m->spec_len - 1] || in[n - 1] ||
	    spec_parse(text, &s, why, sizeof(why)))
		_exit(1);
	look(m, &s, text + m->spec_len, &found);
	for (size_t i = 0; i < found.v.n; i++)
		answer(&found.v.v[i]);
	end.pid = m->pid && kill((pid_t)m->pid, 0) ? m->pid : 0; /* … that is gone */
	wire_put(SOCK, &end, sizeof(end));
	_exit(0);
}
