/*
 * probe_listen - at which ports a process is asked: those of its own sockets that wait on UDP and on TCP, as a DNS
 * server's do (RFC 7766, section 5). From /proc/PID/fd and /proc/PID/net, without entering its namespace.
 */
#pragma once

#include <sys/types.h>

#include "base/addr.h"

/* Adds to the `nr` that are there, each once, `max` in all; returns how many there are. A wildcard address has len 0.
 */
unsigned listens_of(pid_t pid, struct addr *listens, unsigned nr, unsigned max);
