/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Tells helpers from hostlat. Called by main before anything else. */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "sym/child.h"
#include "sym/fetcher.h"
#include "sym/helper.h"
#include "sym/opener.h"

void sym_helper(int argc, char **argv)
{
	if (argc != 3 || argv[1][0] != '@')
		return;
	prctl(PR_SET_NAME, "hostlat-names"); /* else it is called after the link that was executed */
	if (!strcmp(argv[1], SYM_OPENER))
		opener_main(argv[2], false);
	if (!strcmp(argv[1], SYM_OPENER_FETCHES))
		opener_main(argv[2], true);
	if (!strcmp(argv[1], SYM_FETCHER))
		fetcher_main(argv[2]);
	if (!strcmp(argv[1], SYM_SANDBOX))
		child_main(strtoull(argv[2], NULL, 10));
}
