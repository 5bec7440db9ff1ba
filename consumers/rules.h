/* SPDX-License-Identifier: Apache-2.0 */
/* Switches for the rules of docs/bookmarks.md, so that the simulation can show what each is good for.
 * Outside of it every rule holds, and none of this is in the program. */
#ifndef HOOKLINE_CONSUMERS_RULES_H
#define HOOKLINE_CONSUMERS_RULES_H

#ifdef HOOKLINE_RULE_SWITCHES
extern int rule_off; /* the number of the one that is left out; 0 = none */
#define RULE(number) (rule_off != (number))
#else
#define RULE(number) true
#endif

#endif
