/* The functions of cuRAND that candle calls when it opens a card. Random numbers are never asked for, so nothing but these is there: where
   a machine lacks the library, which PyTorch no longer brings along, this is enough. */
#include <stdlib.h>

int curandCreateGenerator(void **generator, int kind) {
    (void)kind;
    *generator = malloc(1);
    return *generator ? 0 : 102;
}
int curandDestroyGenerator(void *generator) {
    free(generator);
    return 0;
}
int curandSetPseudoRandomGeneratorSeed(void *generator, unsigned long long seed) {
    (void)generator;
    (void)seed;
    return 0;
}
int curandSetStream(void *generator, void *stream) {
    (void)generator;
    (void)stream;
    return 0;
}
