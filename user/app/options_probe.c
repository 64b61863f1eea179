#include "options_probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "value.h"

int options_complain(const char *option, const char *value, const char *why)
{
	if (value)
		fprintf(stderr, "dnstap-analyser: --%s: \"%s\": %s\n", option, value, why);
	else
		fprintf(stderr, "dnstap-analyser: %s: %s\n", option, why);
	return -EINVAL;
}

int options_set_mode(enum probe_mode *at, const char *name, const char *value)
{
	static const char *const modes[] = { [PROBE_AUTO] = "auto", [PROBE_REQUIRE] = "require", [PROBE_OFF] = "off" };

	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(value, modes[i]) == 0) {
			*at = (enum probe_mode)i;
			return 0;
		}
	}
	return options_complain(name, value, "expected auto, require or off");
}

static int add_number(const char *name, const char *value, uint64_t max, uint64_t *out)
{
	char allowed[128];

	if (value_parse(value, VALUE_UNIT_ONE, out) && *out >= 1 && *out <= max)
		return 0;
	value_range_text(VALUE_UNIT_ONE, 1, max, allowed, sizeof(allowed));
	return options_complain(name, value, allowed);
}

int options_add_port(struct probe_options *probe, const char *name, const char *value)
{
	uint64_t n;

	if (probe->nr_ports == PROBE_PORTS_MAX)
		return options_complain(name, value, "too many");
	if (add_number(name, value, UINT16_MAX, &n))
		return -EINVAL;
	probe->ports[probe->nr_ports++] = (uint16_t)n;
	return 0;
}

int options_add_pid(struct probe_options *probe, const char *name, const char *value)
{
	uint64_t n;

	if (probe->nr_pids == PROBE_PIDS_MAX)
		return options_complain(name, value, "too many");
	/* The largest that Linux gives (PID_MAX_LIMIT). */
	if (add_number(name, value, 4194304, &n))
		return -EINVAL;
	probe->pids[probe->nr_pids++] = n;
	return 0;
}

int options_add_netns(struct probe_options *probe, const char *name, const char *value)
{
	if (probe->nr_netns == PROBE_NETNS_MAX)
		return options_complain(name, value, "too many");
	probe->netns[probe->nr_netns++] = value;
	return 0;
}
