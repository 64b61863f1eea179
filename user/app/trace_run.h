/*
 * trace_run - `dnstap-analyser trace`: the probe alone. Needs privilege, changes nothing in the cluster.
 */
#pragma once

#include "options.h"

/* The exit status: 0, 1 failed at run time, 2 usage, or no probe to be had. */
int trace_run(const struct options *o);
