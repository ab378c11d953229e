"""CMake, with its generators for Ninja and Make."""
from .system import System


class _CMake(System):
    project = "cmake"
    option = ("CMakeLists.txt", "--timesteps 8", "--timesteps 7")
    made = {"digits": ["build/digits.snn", "build/digits.snn.c", "build/libdigits.a", "build/classify"], "digits_int8": ["build/digits_int8.snn"]}
    generator = ""

    def configure(self, folder="build", **variables):
        variables = {"CMAKE_PREFIX_PATH": self.settings.libsnnc(), "SNNC_EXECUTABLE": self.tree.compiler, **variables}
        return self.run("cmake", "-B", folder, "-G", self.generator, *[f"-D{name}={value}" for name, value in variables.items()])

    def prepare(self):
        code, said = self.configure()
        if code != 0:
            raise RuntimeError(said)

    def build(self):
        return self.run("cmake", "--build", "build")

    def check(self):
        # The library is found by the run path that CMake gives to programs in the build folder.
        return self.run("build/classify", "../common/digits.txt")


    def further(self, checks):
        code, said = self.configure("static", SNNC_STATIC="ON")
        if code == 0:
            code, said = self.run("cmake", "--build", "static", "--target", "classify")
        if checks.that("with the static library it builds", code == 0, said):
            # Found by no path: there is none to the shared one.
            (code, said), (_, linked) = self.run("static/classify", "../common/digits.txt"), self.run("ldd", "static/classify")
            checks.that("and runs without the shared one", code == 0 and "libsnnc" not in linked, said + linked)
        code, said = self.configure("no-compiler", SNNC_EXECUTABLE=self.tree.root / "nowhere")
        checks.that("where there is no compiler the message says how to name one", code != 0 and "-DSNNC_EXECUTABLE=" in said, said)
        self.tree.edit(self.file("CMakeLists.txt"), "find_package(snnc 0.1", "find_package(snnc 0.2")
        code, said = self.configure("other-version")
        checks.that("a library of another version is none", code != 0 and "requested version" in said, said)


class CMakeNinja(_CMake):
    name = "cmake-ninja"
    needs = ("cmake", "ninja", "cc")
    generator = "Ninja"

    def is_idle(self, said):
        return "no work to do" in said


class CMakeMake(_CMake):
    name = "cmake-make"
    needs = ("cmake", "make", "cc")
    generator = "Unix Makefiles"

    def is_idle(self, said):
        return "Building" not in said and "Compiling" not in said and "Linking" not in said
