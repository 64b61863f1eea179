/*
 * daemon - receives dnstap and prints sessions until SIGTERM or SIGINT; then it stops accepting, reads what producers
 * have sent, closes the sessions, flushes. SIGHUP reopens the output.
 */
#pragma once

#include "options.h"

/* Returns the exit status: 0, 1 when it failed at run time, 2 when it could not listen where it was told to. */
int daemon_run(const struct options *o);
