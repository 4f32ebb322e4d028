#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/support/places.h"

namespace rpcaudit::app {

namespace fs = std::filesystem;

struct Ended {
  int status = -1;
  std::string out;
  std::string err;
};

inline std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The program as people and scripts run it, in a folder of its own.
class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    std::string pattern = (fs::temp_directory_path() / "rpcaudit-test-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~ProgramTest() override { fs::remove_all(folder); }

  // Runs the program with `arguments` as a shell would read them.
  Ended run(const std::string& arguments) { return run_after({}, arguments); }

  // As run(), with `before` in front of the program.
  Ended run_after(const std::string& before, const std::string& arguments) {
    const fs::path out = folder / "out";
    const fs::path err = folder / "err";
    const std::string command =
        before + program_path() + " " + arguments + " > " + out.string() + " 2> " + err.string();
    Ended result;
    const int status = std::system(command.c_str());
    if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
    result.out = read_file(out);
    result.err = read_file(err);
    return result;
  }

  std::string file(const std::string& name, std::string_view bytes) {
    const fs::path path = folder / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }

  const std::string demo = source_folder() + "/pcaps/demo-domain-controller.pcapng";
  const std::string dcsync = source_folder() + "/pcaps/policies/block-dcsync.netsh.txt";
  fs::path folder;
};

}  // namespace rpcaudit::app
