#include "exposition.h"

#define PREFIX "dnstap_analyser_"

void exposition_family(struct exposition *x, const char *name, enum exposition_type type, const char *help)
{
	x->name = name;
	buf_addf(x->out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name,
		 type == EXPOSITION_COUNTER ? "counter" : "gauge");
}

/* Names come from strangers: what is not printable ASCII is replaced, so that the text is valid whatever was sent. */
static void add_value(struct buf *out, struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.data[i];

		if (c == '\\' || c == '"')
			buf_add_byte(out, '\\');
		buf_add_byte(out, c >= ' ' && c < 0x7f ? c : '?');
	}
}

static void add_name(struct exposition *x, const struct exposition_label labels[4])
{
	buf_addf(x->out, PREFIX "%s", x->name);
	for (unsigned i = 0; i < 4 && labels[i].name; i++) {
		buf_addf(x->out, "%c%s=\"", i ? ',' : '{', labels[i].name);
		add_value(x->out, labels[i].value);
		buf_add_byte(x->out, '"');
	}
	if (labels[0].name)
		buf_add_byte(x->out, '}');
	buf_add_byte(x->out, ' ');
}

void exposition_sample(struct exposition *x, uint64_t value, const struct exposition_label labels[4])
{
	add_name(x, labels);
	buf_add_uint(x->out, value);
	buf_add_byte(x->out, '\n');
}

void exposition_ratio(struct exposition *x, uint64_t part, uint64_t whole, const struct exposition_label labels[4])
{
	add_name(x, labels);
	buf_addf(x->out, "%.9g\n", whole ? (double)part / (double)whole : 0.0);
}
