/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the tables about who talks to whom show in the same way. */
#include "probe/peer_columns.h"

#include "host/services.h"

#define X(id, NAME, key) [id] = (key),
static const char *const roles[NR_HL_ROLES] = { HL_ROLES(X) };
#undef X

static void set_known(struct val *out, uint64_t id)
{
	*out = (struct val){};
	if (id)
		val_set_u64(out, id);
}

void get_id(const struct field *f, const void *row, struct val *out)
{
	set_known(out, *(const uint32_t *)((const char *)row + f->offset));
}

void get_role(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, roles[*((const uint8_t *)row + f->offset)]);
}

void get_port(const struct field *f, const void *row, struct val *out)
{
	set_known(out, u64_at(f, row));
}

void get_service(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, service_name(u64_at(f, row)));
}
