/*
 * options_probe - the values of the probe's options. Each returns 0, or -EINVAL after one line on stderr that names the
 * option, its value and what is allowed.
 */
#pragma once

#include "io/probe.h"

/* "auto", "require", "off". */
int options_set_mode(enum probe_mode *at, const char *option, const char *value);

/* One more; PROBE_PORTS_MAX, PROBE_PIDS_MAX, PROBE_NETNS_MAX at most. A path is borrowed. */
int options_add_port(struct probe_options *probe, const char *option, const char *value);
int options_add_pid(struct probe_options *probe, const char *option, const char *value);
int options_add_netns(struct probe_options *probe, const char *option, const char *value);

/* The line on stderr; `value` NULL: `option` is the argument as a whole. */
int options_complain(const char *option, const char *value, const char *why);
