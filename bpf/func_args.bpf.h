/* SPDX-License-Identifier: GPL-2.0 */
/* Arguments of a call in a traced function. Part of func.bpf.c, which has struct here. */
#ifndef HL_FUNC_ARGS_BPF_H
#define HL_FUNC_ARGS_BPF_H

__hot __u64 reg_of(void *ctx, __s16 at)
{
	__u64 v = 0;

	bpf_probe_read_kernel(&v, sizeof(v), ctx + at);
	return v;
}

/* As many bytes as it has, and with its sign. */
__hot __u64 arg_sized(__u64 v, __s8 size)
{
	__u32 bytes = size < 0 ? -size : size, shift = 64 - 8 * bytes;

	if (!bytes || bytes >= 8)
		return v;
	shift &= 63;
	return size < 0 ? (__u64)((__s64)(v << shift) >> shift) : v << shift >> shift;
}

static __noinline __u64 arg_read(void *ctx, const struct hl_func_arg *a)
{
	__u64 v = a->add;

	if (a->where == HL_FUNC_CONSTANT)
		return v;
	v = reg_of(ctx, a->reg);
	if (a->where == HL_FUNC_MEMORY) {
		v += a->add;
		if (a->scale)
			v += reg_of(ctx, a->index) * a->scale;
		if (bpf_probe_read_user(&v, sizeof(v), (void *)v))
			return 0;
	}
	return arg_sized(v, a->size);
}

/* when: 0 or HL_FUNC_TEXT_LATE. */
__hot void text_read(char *to, const struct hl_func_arg *a, __u64 at, char when)
{
	__u32 room = HL_FUNC_TEXT - 1;
	long n;

	if (a->text == HL_FUNC_TEXT_ANY && (__s64)at < 0)
		n = bpf_probe_read_kernel_str(to, room, (void *)at);
	else
		n = bpf_probe_read_user_str(to, room, (void *)at);
	to[room] = n < 0 ? HL_FUNC_TEXT_UNREAD : when;
}

/* Into args, and the texts among them into text; NULL: there are none. */
__hot void args_read(void *ctx, const struct hl_func *f, __u64 *args, char (*text)[HL_FUNC_TEXT])
{
	for (int i = 0; i < HL_FUNC_ARGS; i++) {
		if (i >= f->n_args)
			break;
		args[i] = arg_read(ctx, &f->args[i]);
		if (!f->args[i].text || !text)
			continue;
		text_read(text[i], &f->args[i], args[i], 0);
	}
}

/* A probe cannot wait for a page of the program's file that nobody has touched yet, as a constant's mostly:
 * the call itself has by its end. */
static __noinline int texts_late(const struct hl_func *f, const __u64 *args, struct func_texts *t)
{
	for (int i = 0; i < HL_FUNC_ARGS; i++)
		if (i < f->n_args && f->args[i].text && t->v[i][HL_FUNC_TEXT - 1] == HL_FUNC_TEXT_UNREAD)
			text_read(t->v[i], &f->args[i], args[i], HL_FUNC_TEXT_LATE);
	return 0;
}

__hot bool has_texts(const struct hl_func *f)
{
	for (int i = 0; i < HL_FUNC_ARGS; i++)
		if (i < f->n_args && f->args[i].text)
			return true;
	return false;
}

/* A call's, which are read when it begins, for they may be something else when it ends. */
static __noinline int args_take(void *ctx, struct here *h, struct func_frame *frame)
{
	struct func_texts *t = NULL;
	__u64 key = (__u64)frame;

	if (has_texts(h->f)) {
		if (bpf_map_update_elem(&texts, &key, &no_texts, BPF_ANY))
			bpf_map_delete_elem(&texts, &key); /* it is of another call */
		t = bpf_map_lookup_elem(&texts, &key);
	}
	args_read(ctx, h->f, frame->args, t ? t->v : NULL);
	return 0;
}

#endif
