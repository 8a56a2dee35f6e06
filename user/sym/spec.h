/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What a user writes to name something to probe:
 *
 *	libc:malloc                        a function of a library
 *	/usr/bin/x:ns::Class::method       … of a file, by its demangled name
 *	libssl:SSL_*                       all that are like it
 *	/usr/bin/x:main+0x10               an instruction
 *	/usr/bin/x:file.c:120              a line
 *	usdt:/usr/bin/x:provider:name      a USDT probe; usdt:libc:* all of them
 *	k:vfs_read                         a function of the kernel (or kernel:vfs_read)
 *	k:ext4:ext4_sync_file              … of one of its modules
 */
#ifndef SYM_SPEC_H
#define SYM_SPEC_H

#include "sym/find.h"

struct spec {
	char *text;   /* as it was written */
	char *file;   /* a path, or the name of a program or library: "libc", "postgres"; of the kernel a
			 module, NULL: any or none */
	bool is_path; /* … the first */
	bool kernel;
	struct find_query q; /* its strings are the spec's */
};

/* 0, or -EINVAL, and then why is one line: what is wrong and what to write instead. */
int spec_parse(const char *text, struct spec *out, char *why, size_t why_size);
void spec_free(struct spec *s);
/* Is a file of that path one that `file` names? libc: …/libc.so.6, …/libc-2.31.so, not …/libcrypt.so.1. */
bool spec_is_file(const struct spec *s, const char *path);

#endif
