/*
 * Says what class a network sees in images, and what the spikes of it come to.
 *
 *     cc classify.c $(pkg-config --cflags --libs snnc) -o classify
 *     ./classify model.snn gray.pgm colour.ppm
 *
 * Images are binary PGM or PPM files of 8 bits a channel, of the size that the network reads.
 */
#include <snnc.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    size_t height, width, channels;
    unsigned char *pixels;
} image;

/* The next number of a header, behind white space and comments; 0 if there is none. */
static size_t number(FILE *file) {
    size_t value = 0;
    int c = fgetc(file);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#') {
        while (c == '#' && (c = fgetc(file)) != '\n' && c != EOF) c = '#';
        c = fgetc(file);
    }
    /* The one byte of white space behind a number goes with it. */
    for (; c >= '0' && c <= '9' && value < 100000; c = fgetc(file)) value = value * 10 + (size_t)(c - '0');
    return value;
}

/* Returns 0 if the file is not such an image. */
static int read_image(const char *path, image *read) {
    FILE *file = fopen(path, "rb");
    int kind = 0, done = 0;
    read->pixels = NULL;
    if (file == NULL) return 0;
    if (fgetc(file) == 'P' && ((kind = fgetc(file)) == '5' || kind == '6')) {
        size_t size;
        read->channels = kind == '5' ? 1 : 3;
        read->width = number(file);
        read->height = number(file);
        size = read->width * read->height * read->channels;
        if (number(file) == 255 && size > 0 && (read->pixels = malloc(size)) != NULL) done = fread(read->pixels, 1, size, file) == size;
    }
    fclose(file);
    if (!done) free(read->pixels);
    return done;
}

static size_t sum(const uint64_t *values, size_t len) {
    size_t total = 0, i;
    for (i = 0; i < len; i++) total += (size_t)values[i];
    return total;
}

static int classify(const snnc_network *network, const char *path) {
    image read;
    snnc_error error;
    snnc_outcome *outcome;
    const float *logits;
    const uint64_t *spikes, *operations;
    size_t class, populations, layers;
    if (!read_image(path, &read)) {
        fprintf(stderr, "%s: not a binary PGM or PPM of 8 bits a channel\n", path);
        return 0;
    }
    snnc_run_pixels(network, read.pixels, read.height * read.width * read.channels, read.height, read.width, read.channels,
                    0 /* as many time steps as the network wants */, 0, &outcome, &error);
    free(read.pixels);
    if (error.status != SNNC_STATUS_OK) {
        fprintf(stderr, "%s: %s\n", path, error.message);
        return 0;
    }
    class = snnc_outcome_predictions(outcome, NULL)[0];
    logits = snnc_outcome_logits(outcome, NULL);
    spikes = snnc_outcome_spikes(outcome, &populations);
    operations = snnc_outcome_synaptic_ops(outcome, &layers);
    printf("%s: class %lu, logit %.9g, %lu spikes, %lu synaptic operations\n", path, (unsigned long)class, logits[class],
           (unsigned long)sum(spikes, populations), (unsigned long)sum(operations, layers));
    snnc_outcome_free(outcome);
    return 1;
}

int main(int argc, char **argv) {
    snnc_network *network;
    snnc_description description;
    snnc_error error;
    int i, failures = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: %s MODEL.snn IMAGE...\n", argv[0]);
        return 2;
    }
    if (snnc_load(argv[1], &network, &error) != SNNC_STATUS_OK
        || snnc_describe(network, &description, sizeof description, &error) != SNNC_STATUS_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], error.message);
        return 2;
    }
    printf("%lu classes of %lux%lu images with %lu channels, %lu time steps, %s code\n", (unsigned long)description.classes,
           (unsigned long)description.height, (unsigned long)description.width, (unsigned long)description.channels,
           (unsigned long)description.timesteps, description.code == SNNC_CODE_RADIX ? "radix" : "rate");
    for (i = 2; i < argc; i++) failures += !classify(network, argv[i]);
    snnc_network_free(network);
    return failures > 0 ? 2 : 0;
}
