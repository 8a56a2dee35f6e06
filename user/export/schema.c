/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The JSON Schema of the document. The embedded frame says what stands around the
 * tables; the rows of each table, the states, classes and causes follow from their
 * lists, so that a new one is described by being there. Called by `export --schema`.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "base/embed.h"
#include "base/log.h"
#include "export/part.h"

/* Takes the item; what fails once makes the whole schema fail. */
static cJSON *put(bool *failed, cJSON *o, const char *key, cJSON *item)
{
	if (item && cJSON_AddItemToObject(o, key, item))
		return item;
	cJSON_Delete(item);
	*failed = true;
	return NULL;
}

static void put_text(bool *failed, cJSON *o, const char *key, const char *s)
{
	put(failed, o, key, cJSON_CreateString(s));
}

/* An object that holds what is listed and nothing else; returns its "properties". */
static cJSON *strict_object(bool *failed, cJSON *o)
{
	put_text(failed, o, "type", "object");
	put(failed, o, "additionalProperties", cJSON_CreateFalse());
	return put(failed, o, "properties", cJSON_CreateObject());
}

/* {"$defs": {name: …}}: an object of numbers by name. */
static void def_numbers(bool *failed, cJSON *defs, const char *name, const char *help,
			const char *const *names, const char *const *helps, size_t n)
{
	cJSON *o = put(failed, defs, name, cJSON_CreateObject()), *props;

	put_text(failed, o, "description", help);
	props = strict_object(failed, o);
	for (size_t i = 0; i < n; i++) {
		cJSON *p = put(failed, props, names[i], cJSON_CreateObject());

		put_text(failed, p, "$ref", "#/$defs/u64");
		put_text(failed, p, "description", helps[i]);
	}
}

static void def_words(bool *failed, cJSON *defs, const char *name, const char *const *words, size_t n)
{
	cJSON *o = put(failed, defs, name, cJSON_CreateObject());

	put(failed, o, "enum", cJSON_CreateStringArray(words, (int)n));
}

static void put_defs(bool *failed, cJSON *defs)
{
	def_numbers(failed, defs, "states",
		    "Nanoseconds by state of a thread. A state without time is left out.", hl_state_names,
		    hl_state_help, NR_HL_STATES);
	def_numbers(failed, defs, "lost_by", "Lost events by cause. A cause without any is left out.",
		    part_loss_names, part_loss_help, NR_HL_LOSSES);
	def_words(failed, defs, "class", part_class_names, NR_HL_CLASSES);
	def_words(failed, defs, "unwound", part_unwind_names + 1, NR_HL_UNWINDS - 1);
	def_words(failed, defs, "holder", part_holder_names + 1, NR_HL_HOLDERS - 1);
	def_words(failed, defs, "collector_state", part_collector_states, NR_HL_COLLECTOR_STATES);
}

/* What a value of each type looks like: a reference into $defs, or a type. */
static const struct {
	const char *ref, *type;
} kinds[] = {
	[VAL_BOOL] = { .type = "boolean" },
	[VAL_U64] = { .ref = "#/$defs/u64" },
	[VAL_I64] = { .type = "integer" },
	[VAL_F64] = { .type = "number" },
	[VAL_STR] = { .type = "string" },
	[VAL_HIST] = { .ref = "#/$defs/histogram" },
	[VAL_STATES] = { .ref = "#/$defs/states" },
	[VAL_STACK] = { .ref = "#/$defs/stack_id" },
	[VAL_CHAIN] = { .ref = "#/$defs/chain" },
	[VAL_OCCUPANTS] = { .ref = "#/$defs/occupants" },
	[VAL_PEERS] = { .ref = "#/$defs/waited_for" },
};

static void put_kind(bool *failed, cJSON *o, const struct field *f)
{
	static const char *const any[] = { "boolean", "number", "string" };
	enum val_type t = part_type(f);

	if (f->unit == UNIT_WALL)
		put_text(failed, o, "$ref", "#/$defs/wall");
	else if (t == VAL_NONE)
		put(failed, o, "type", cJSON_CreateStringArray(any, ARRAY_SIZE(any)));
	else if (kinds[t].ref)
		put_text(failed, o, "$ref", kinds[t].ref);
	else
		put_text(failed, o, "type", kinds[t].type);
}

/* The "properties" in which the last part of a dotted name stands; *name moves to it. */
static cJSON *nested(bool *failed, cJSON *props, const char **name)
{
	char part[PART_NAME_LEN];

	while (props && part_outer(name, part)) {
		cJSON *in = cJSON_GetObjectItemCaseSensitive(props, part);

		if (in)
			props = cJSON_GetObjectItemCaseSensitive(in, "properties");
		else
			props = strict_object(failed, put(failed, props, part, cJSON_CreateObject()));
	}
	return props;
}

static void put_table(bool *failed, cJSON *properties, const struct table_desc *t)
{
	cJSON *table = put(failed, properties, t->name, cJSON_CreateObject()), *row, *props;

	put_text(failed, table, "type", "array");
	put_text(failed, table, "description", t->help ? t->help : t->title);
	row = put(failed, table, "items", cJSON_CreateObject());
	props = strict_object(failed, row);
	for (size_t i = 0; i < t->nr_fields; i++) {
		const struct field *f = &t->fields[i];
		const char *name = f->name;
		cJSON *in, *o;

		if (f->flags & FIELD_SCREEN)
			continue;
		in = nested(failed, props, &name);
		o = put(failed, in, name, cJSON_CreateObject());
		put_kind(failed, o, f);
		put_text(failed, o, "description", f->help ? f->help : f->title);
	}
}

static int fill(struct str *out, cJSON *schema, const struct table_desc *const *tables)
{
	cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
	cJSON *defs = cJSON_GetObjectItemCaseSensitive(schema, "$defs");
	cJSON *max =
		cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(defs, "u64"), "maximum");
	bool failed = !max;
	char *text;

	/* as a double it would be 2^64 */
	if (!max ||
	    !cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(defs, "u64"), "maximum",
						    cJSON_CreateRaw("18446744073709551615")))
		return -ENOMEM;
	put_defs(&failed, defs);
	for (; *tables; tables++)
		if (!(*tables)->screen)
			put_table(&failed, properties, *tables);
	text = failed ? NULL : cJSON_Print(schema);
	if (!text)
		return -ENOMEM;
	str_add(out, text);
	str_addc(out, '\n');
	cJSON_free(text);
	return 0;
}

int export_schema(struct str *out, const struct table_desc *const *tables)
{
	size_t size;
	const char *frame = embed_find("hostlat-1.schema.json", &size);
	cJSON *schema = frame ? cJSON_ParseWithLength(frame, size) : NULL;
	int err = schema ? fill(out, schema, tables) : -EINVAL;

	cJSON_Delete(schema);
	if (err)
		pr_err("cannot write the JSON Schema: %s",
		       err == -ENOMEM ? "out of memory" : "its frame is broken");
	return err;
}
