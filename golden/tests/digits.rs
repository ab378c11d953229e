//! Golden files as the tests of a crate use them: the classifier of digits in `fixtures/`, whose golden file lies beside this test. It was
//! blessed once, and holds on every processor that the tests run on.

use snnc_golden::assert_golden_on;

#[test]
fn digits_do_what_was_written_down() {
    assert_golden_on("../fixtures/digits/digits.snn", "tests/digits.json", "../fixtures/digits/digits_test.npz");
}
