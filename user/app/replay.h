/*
 * replay - recordings through the same engine and the same output as the daemon's: byte for byte the same sessions.
 */
#pragma once

#include "options.h"

/* Returns the exit status: 0, 1 when a file could not be read to its end (the others still are), 2 when none could be
 * opened. */
int replay_run(const struct options *o);
