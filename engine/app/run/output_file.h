#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

namespace rpcaudit::app {

// Which file a name or descriptor stands for, whatever it is called.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  bool operator==(const FileIdentity&) const = default;
};

// Of a regular file alone: what is written to others is not lost to who reads them.
[[nodiscard]] std::optional<FileIdentity> identity_of(const std::string& path);

// A file that a run writes. A regular file is written beside its place, under a temporary name, and
// takes its place when it is finished: nobody meets half of it, and until then what was there
// stays. Pipes, devices and standard output (`-`) are written directly, and so are files that
// others own or that have several names.
class OutputFile {
 public:
  OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  // What was not finished is removed.
  ~OutputFile();

  // False when that fails, or when the file is one of `inputs`; error() then says why.
  [[nodiscard]] bool open(const std::string& path, const std::vector<FileIdentity>& inputs);
  // Closes the file and puts it into its place. False when that fails; error() then says why.
  [[nodiscard]] bool finish();

  [[nodiscard]] bool is_input() const noexcept { return is_input_; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  // A file of that name had something in it.
  [[nodiscard]] bool replaces() const noexcept { return replaces_; }
  [[nodiscard]] bool is_terminal() const noexcept { return is_terminal_; }
  // For messages.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  [[nodiscard]] int open_beside(const struct stat* existing);
  [[nodiscard]] bool fail(int error);

  std::string name_;
  std::string path_;       // with links followed
  std::string temporary_;  // its name; empty when the file is written directly
  int descriptor_ = -1;
  bool is_terminal_ = false;
  bool replaces_ = false;
  bool is_input_ = false;
  std::string error_;
};

}  // namespace rpcaudit::app
