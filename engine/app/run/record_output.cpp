#include "engine/app/run/record_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "engine/audit/report/summary_text.h"
#include "engine/audit/sink/json_sink.h"
#include "engine/audit/sink/text_sink.h"

namespace rpcaudit::app {

RecordOutput::RecordOutput(const std::string& path)
    : path_(path == "-" ? "standard output" : path) {
  constexpr mode_t kMode = 0666;  // the user's mask applies
  descriptor_ = path == "-" ? STDOUT_FILENO
                            : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (descriptor_ < 0) {
    error_ = path_ + ": " + std::generic_category().message(errno);
    return;
  }
  is_terminal_ = ::isatty(descriptor_) == 1;
  target_ = std::make_unique<audit::DescriptorTarget>(descriptor_);
  buffer_ = std::make_unique<audit::OutputBuffer>(*target_, is_terminal_);
}

RecordOutput::~RecordOutput() {
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

audit::EventSink& RecordOutput::open_sink(RecordFormat format,
                                          const evaluate::ServerPolicies* policies,
                                          audit::InputName input_name, std::size_t contexts_max) {
  sink_ = make_sink(*buffer_, format, policies, std::move(input_name), contexts_max);
  return *sink_;
}

std::unique_ptr<audit::EventSink> RecordOutput::make_sink(audit::OutputBuffer& buffer,
                                                          RecordFormat format,
                                                          const evaluate::ServerPolicies* policies,
                                                          audit::InputName input_name,
                                                          std::size_t contexts_max) const {
  if (format == RecordFormat::text) {
    const bool colour = is_terminal_ && std::getenv("NO_COLOR") == nullptr;
    return std::make_unique<audit::TextSink>(buffer, policies, std::move(input_name), colour);
  }
  return std::make_unique<audit::JsonSink>(buffer, policies, std::move(input_name), contexts_max);
}

void RecordOutput::finish() {
  buffer_->flush();
  if (buffer_->failed()) {
    error_ = path_ + ": " + target_->error() + "; " + audit::grouped(buffer_->records_lost()) +
             " records were lost";
  }
  if (descriptor_ > STDERR_FILENO && ::close(std::exchange(descriptor_, -1)) != 0 &&
      error_.empty()) {
    error_ = path_ + ": " + std::generic_category().message(errno);
  }
}

}  // namespace rpcaudit::app
