/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that put a load on the whole host for a while: mixed. */
#include "modes.h"

#include <errno.h>
#include <unistd.h>

#define NR_PAIRS 4

static int mixed_pairs(struct w *w, struct w_chan c[NR_PAIRS])
{
	int p[2], client, accepted, err = 0;

	for (int i = 0; i < 2; i++) {
		if (pipe(p))
			return w_fail(w, "pipe", -errno);
		c[i] = (struct w_chan){ p[0], p[1], C_READ, C_WRITE, HL_STATE_IPC, NULL, -1 };
	}
	for (int i = 2; i < NR_PAIRS; i++) {
		err = w_tcp_pair(w->main, &client, &accepted);
		if (err)
			return w_fail(w, "TCP on loopback", err);
		if (i == 2)
			c[i] = (struct w_chan){ client,           accepted, C_RECVFROM, C_SENDTO,
						HL_STATE_NETWORK, NULL,     -1 };
		else
			c[i] = (struct w_chan){ accepted,      client, C_RECVFROM, C_SENDTO,
						HL_STATE_IDLE, NULL,   -1 };
	}
	for (int i = 0; i < NR_PAIRS && !err; i++)
		err = w_chan_start(w, &c[i]);
	return err;
}

int w_mode_mixed(struct w *w)
{
	static const struct {
		const char *role;
		w_fn fn;
		uint32_t n;
	} kinds[] = {
		{ "spinner", w_spinner, 2 },
		{ "sleeper", w_sleeper, 2 },
		{ "convoy", w_convoy, 3 },
		{ "fsyncer", w_fsyncer, 1 },
	};
	struct w_chan *c = w_alloc(w, NR_PAIRS, sizeof(*c));
	int err = c ? 0 : -ENOMEM;

	if (!(w->opt.seconds > 0))
		return w_fail(w, "mixed needs --seconds", -EINVAL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (uint32_t n = 0; n < kinds[i].n * w->opt.threads && !err; n++)
			err = w_spawn(w, kinds[i].role, kinds[i].fn, &w->sh->word[0]);
	err = err ? err : mixed_pairs(w, c);
	return w_join(w) ?: err;
}
