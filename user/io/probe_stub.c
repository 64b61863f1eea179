#include <stdlib.h>

#include "base/log.h"
#include "probe.h"

struct probe {
	enum probe_level level;
};

static const char why[] = "built without BPF (BPF=0)";

struct probe *probe_new(struct event_base *base, const struct probe_options *options, const struct probe_sink *sink)
{
	struct probe *p;

	(void)base;
	(void)sink;
	if (options->mode == PROBE_REQUIRE) {
		log_error("no probe", F_STR("error", why));
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (p)
		p->level = options->mode == PROBE_OFF ? PROBE_LEVEL_OFF : PROBE_LEVEL_UNAVAILABLE;
	if (p && p->level == PROBE_LEVEL_UNAVAILABLE)
		log_info("no probe: dnstap alone", F_STR("reason", why));
	return p;
}

void probe_free(struct probe *p)
{
	free(p);
}

void probe_poll(struct probe *p)
{
	(void)p;
}

void probe_stats(struct probe *p, struct probe_stats *out)
{
	*out = (struct probe_stats){ .level = p->level };
}

const char *probe_why(const struct probe *p)
{
	return p->level == PROBE_LEVEL_UNAVAILABLE ? why : "";
}

const char *probe_reason_name(const struct probe *p, unsigned reason)
{
	(void)p;
	(void)reason;
	return NULL;
}

uint64_t probe_reason_count(const struct probe *p, unsigned reason)
{
	(void)p;
	(void)reason;
	return 0;
}

const char *probe_level_name(enum probe_level level)
{
	return level == PROBE_LEVEL_OFF ? "off" : "unavailable";
}
