/* For the tests of frame: control frames as bytes. */
#pragma once

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define U32(n) ((n) >> 24 & 255), ((n) >> 16 & 255), ((n) >> 8 & 255), ((n)&255)
#define PROTOBUF 'p', 'r', 'o', 't', 'o', 'b', 'u', 'f'
#define DNSTAP 'd', 'n', 's', 't', 'a', 'p'

/* The field "content type" (1) with the length n. */
#define TYPE(n, ...) U32(1), U32(n), __VA_ARGS__
#define OURS TYPE(22, PROTOBUF, ':', DNSTAP, '.', 'D', 'n', 's', 't', 'a', 'p')
#define OTHER TYPE(3, 'x', 'y', 'z')

/* The escape, the length of the control frame, its type. */
#define CONTROL(length, type) U32(0), U32(length), U32(type)
#define READY CONTROL(34, 4), OURS
#define START CONTROL(34, 2), OURS
#define STOP CONTROL(4, 3)
#define ABC U32(3), 'a', 'b', 'c'
