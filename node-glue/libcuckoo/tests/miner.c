/* Drives the library as the chain's miner does: linked under the name that its build uses, one thread number
 * for each device, FindSolutionsByGPU and then FindCycles with room for 128 numbers, every solution verified.
 * Built and run by the test c_program.
 *
 * usage: miner GRAPHS      solves so many graphs on each of two threads; prints nonce and solution of each
 *        miner             reads lines of header, nonce and 42 edges from standard input; prints the verdicts
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As the chain's solution/miner.h has them. */
int32_t FindSolutionsByGPU(uint8_t *header, uint64_t nonce, uint32_t threadId);
int32_t FindCycles(uint32_t threadId, uint32_t nedges, uint32_t *result, uint32_t resultBuffSize,
                   uint32_t *solLength, uint32_t *numSol);
void CuckooInitialize(uint32_t *devices, uint32_t deviceNum, int selected, int printDeviceInfo);
void CuckooFinalize(void);
int32_t CuckooVerifyProof_cuckaroo(uint8_t *header, uint64_t nonce, uint32_t *result);

#define EXPECT(condition)                                                    \
    do {                                                                     \
        if (!(condition)) {                                                  \
            fprintf(stderr, "miner.c:%d: not so: %s\n", __LINE__, #condition); \
            exit(1);                                                         \
        }                                                                    \
    } while (0)

static uint8_t header[32] = "a header of exactly thirty-two b";
static uint64_t graphs;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

static void *mine(void *argument) {
    uint32_t thread = (uint32_t)(uintptr_t)argument;
    for (uint64_t nonce = thread * graphs; nonce < (thread + 1) * graphs; nonce++) {
        uint32_t result[130], length = 7, count = 7;
        result[128] = result[129] = 0xdeadbeef;
        int32_t edges = FindSolutionsByGPU(header, nonce, thread);
        EXPECT(edges >= 0);
        int32_t status = FindCycles(thread, (uint32_t)edges, result, 128, &length, &count);
        EXPECT(length == 42 && count <= 3 && status == (count > 0));
        EXPECT(result[128] == 0xdeadbeef && result[129] == 0xdeadbeef);
        pthread_mutex_lock(&output);
        for (uint32_t found = 0; found < count; found++) {
            printf("%llu", (unsigned long long)nonce);
            for (uint32_t at = 0; at < length; at++) printf(" %u", result[found * length + at]);
            printf("\n");
        }
        pthread_mutex_unlock(&output);
        if (count > 0) {
            /* Too little room for one is none; what was found stays until the next graph. */
            EXPECT(FindCycles(thread, (uint32_t)edges, result, 41, &length, &count) == 0 && count == 0);
            EXPECT(FindCycles(thread, (uint32_t)edges, result, 42, &length, &count) == 1 && count == 1);
            EXPECT(FindCycles(thread, (uint32_t)edges, result, 128, NULL, NULL) == 1);
            EXPECT(FindCycles(thread, (uint32_t)edges, NULL, 128, &length, &count) == 0 && count == 0);
            EXPECT(FindCycles(thread, 0, result, 128, &length, &count) == 0 && count == 0);
        }
    }
    return NULL;
}

static void solve(void) {
    uint32_t devices[2] = {0, 1}, result[128], length, count;
    /* Before anything is made ready nothing is found, and nothing breaks. */
    EXPECT(FindSolutionsByGPU(header, 0, 0) == 0);
    EXPECT(FindCycles(0, 5, result, 128, &length, &count) == 0 && count == 0);
    CuckooFinalize();
    CuckooInitialize(devices, 2, 1, 1);
    EXPECT(FindSolutionsByGPU(NULL, 0, 0) == 0);
    EXPECT(FindSolutionsByGPU(header, 0, 2) == 0);
    pthread_t threads[2];
    for (uintptr_t thread = 0; thread < 2; thread++)
        EXPECT(pthread_create(&threads[thread], NULL, mine, (void *)thread) == 0);
    for (int thread = 0; thread < 2; thread++) EXPECT(pthread_join(threads[thread], NULL) == 0);
    CuckooFinalize();
    EXPECT(FindSolutionsByGPU(header, 0, 0) == 0);
    /* The old variant is not there; again and again is no harm. */
    CuckooInitialize(devices, 1, 0, 0);
    EXPECT(FindSolutionsByGPU(header, 0, 0) == 0);
    CuckooInitialize(NULL, 0, 1, 0);
    CuckooInitialize(devices, 1, 1, 0);
    EXPECT(FindSolutionsByGPU(header, 0, 0) > 0);
    CuckooFinalize();
    CuckooFinalize();
}

static void verify(void) {
    char text[65];
    unsigned long long nonce;
    while (scanf("%64s %llx", text, &nonce) == 2) {
        uint8_t hash[32];
        uint32_t proof[42];
        for (int at = 0; at < 32; at++) {
            unsigned byte;
            EXPECT(sscanf(text + 2 * at, "%2x", &byte) == 1);
            hash[at] = (uint8_t)byte;
        }
        for (int at = 0; at < 42; at++) EXPECT(scanf("%u", &proof[at]) == 1);
        printf("%d\n", CuckooVerifyProof_cuckaroo(hash, nonce, proof));
    }
    EXPECT(CuckooVerifyProof_cuckaroo(NULL, 0, (uint32_t *)text) == 0);
    EXPECT(CuckooVerifyProof_cuckaroo((uint8_t *)text, 0, NULL) == 0);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        graphs = strtoull(argv[1], NULL, 10);
        solve();
    } else {
        verify();
    }
    return 0;
}
