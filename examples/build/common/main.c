/*
 * Says which digits a network sees, and whether it is right.
 *
 *     classify digits.txt
 *
 * A line of that file is a class and the 64 pixels of an image. Exit code 1 if the network is wrong about one.
 */
#include "network.h"
#include <stdio.h>

/* Returns 0 at the end of the file, and where it is not one of digits. */
static int read_digit(FILE *file, int *class, unsigned char pixels[PIXELS]) {
    unsigned pixel;
    int i;
    if (fscanf(file, "%d", class) != 1) return 0;
    for (i = 0; i < PIXELS; i++) {
        if (fscanf(file, "%u", &pixel) != 1 || pixel > 255) return 0;
        pixels[i] = (unsigned char)pixel;
    }
    return 1;
}

int main(int argc, char **argv) {
    unsigned char pixels[PIXELS];
    int class, right = 0, all = 0;
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: classify digits.txt\n");
        return 2;
    }
    for (; read_digit(file, &class, pixels); all++) {
        const int seen = classify(pixels);
        if (seen < 0) return 2;
        printf("%d", seen);
        right += seen == class;
    }
    fclose(file);
    printf(": %d of %d right\n", right, all);
    return all == 0 || right < all;
}
