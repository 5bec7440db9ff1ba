/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's dice: SplitMix64 (Steele, Lea and Flood, 2014), the same bits on every machine. */
#ifndef HOOKLINE_PRODUCERS_SIM_RANDOM_H
#define HOOKLINE_PRODUCERS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state; /* the seed at first */
};

static inline uint64_t sim_random_bits(struct sim_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* In [0, 1). */
static inline double sim_random_unit(struct sim_random *random)
{
    return (double)(sim_random_bits(random) >> 11) * 0x1p-53;
}

/* In [low, high]. */
static inline int sim_random_int(struct sim_random *random, int low, int high)
{
    return low + (int)(sim_random_unit(random) * (high - low + 1));
}

static inline bool sim_random_chance(struct sim_random *random, double probability)
{
    return sim_random_unit(random) < probability;
}

/* Exponentially distributed with mean 1, by von Neumann's comparisons (1951): without a logarithm,
 * whose last digit depends on the C library. */
static inline double sim_random_exponential(struct sim_random *random)
{
    for (int whole = 0;; whole++) {
        double first = sim_random_unit(random), last = first;
        int falling = 1;
        for (double next; (next = sim_random_unit(random)) < last; falling++)
            last = next;
        if (falling % 2 == 1)
            return whole + first;
    }
}

#endif
