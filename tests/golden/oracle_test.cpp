// Captures kept outside the project, against what an independent tool saw in them. Found through
// RPCAUDIT_CORPUS: a folder with public/, lab/ and oracle/<path with __ for />.calls.tsv. Compared
// are the connection-oriented protocol, straight over TCP and over named pipes, and the
// connectionless one.
//
// Where the two disagree the specification decides, and the decision stands in kDisagreements.

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/support/capture_facts.h"

namespace rpcaudit {
namespace {

namespace fs = std::filesystem;

struct Disagreement {
  const char* capture;
  const char* line;  // a part of the lines meant, on either side
  const char* why;
};

constexpr Disagreement kDisagreements[] = {
    {"mb2.pcap", "141.81.0.183:1080 > 141.81.0.10:49188 call 78428",
     "a request from port 1080, which the other tool takes for SOCKS; header, trailer and answer "
     "are those of DCE/RPC, like all 102 calls before it"},
    {"mb2.pcap", "00000000-0000-0000-0000-000000000000 0.0 opnum",
     "datagrams of another protocol that begin with a 4: neither interface nor activity is set"},
    {"st-altercontext", "> 10.77.0.1:49153 call 9 id 0",
     "alter_context offered another interface under id 0 and was answered by a fault: nothing was "
     "accepted (C706 12.6.4.2), so id 0 keeps the interface of the bind_ack"},
    {"zerologon__input.pcap", "172.16.0.10:50584 > 172.16.5.58:49668 call 2",
     "the request was captured once only, as a retransmission, and the other tool leaves it out"},
    {"mapi.pcap", "192.168.0.183:1153 > 192.168.0.2:1032",
     "a connection joined midway on a port that the other tool gives to ANSI C12.22; headers, call "
     "ids and trailers of both directions are those of DCE/RPC"},
    {"st-altercontext-np", "call 11 id 0",
     "the same over a pipe: what an alter_context offers and a fault refuses changes nothing"},
    {"smb2.pcap", "call 1 id 0 4b324fc8-1670-01d3-1278-5a47bf6ee188",
     "an IOCTL response gives its input back besides the output ([MS-SMB2] 2.2.32): the other tool "
     "takes that for a second request, made by the server and answered at once"},
    {"smb_v2_only_non_zero_reserved1.pcap", "4b324fc8-1670-01d3-1278-5a47bf6ee188",
     "the bind was written on one connection of the SMB session and its answer read on another "
     "([MS-SMB2] 1.3, multichannel): the other tool follows TCP connections, and sees no answer"},
};

const char* explanation(const std::string& capture, const std::string& line) {
  for (const Disagreement& known : kDisagreements) {
    if (capture.find(known.capture) != std::string::npos &&
        line.find(known.line) != std::string::npos) {
      return known.why;
    }
  }
  return nullptr;
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields;
  std::stringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
  return fields;
}

// Without its path and in lower case: the oracle has the name alone, or nothing.
std::string pipe_text(std::string name) {
  name.erase(0, name.rfind('\\') + 1);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name.empty() ? "?" : name;
}

// Our line in the oracle's words, which do not have the user of the SMB session, and have nothing
// for what was not seen.
std::string comparable(std::string line) {
  if (const std::size_t user = line.find(" as "); user != std::string::npos) line.erase(user);
  const std::size_t on = line.find(" on ");
  if (on == std::string::npos) return line;
  const std::size_t end = line.find(" call ", on);
  return line.replace(on + 4, end - on - 4, pipe_text(line.substr(on + 4, end - on - 4)));
}

// A row of the oracle in the words of CaptureFacts; empty when it is not compared.
std::string row_text(std::map<std::string, std::string>& row) {
  const std::string& transport = row["transport"];
  const bool is_pipe = transport.starts_with("smb");
  const bool is_datagram = transport == "udp";
  if (transport != "tcp" && transport != "http" && !is_pipe && !is_datagram) return "";
  std::string version = row["if_ver"];
  if (!version.empty() && version.find('.') == std::string::npos) version += ".0";
  const std::string interface = row["if_uuid"].empty() ? "- -" : row["if_uuid"] + " " + version;
  const std::string ends =
      row["src"] + ":" + row["sport"] + " > " + row["dst"] + ":" + row["dport"];
  const std::string on = is_pipe ? " on " + pipe_text(row["pipe"]) : "";
  const std::string id = is_datagram ? "0" : row["ctx_id"];
  const std::string front = ends + on + " call " + row["call_id"] + " id " + id + " ";
  const std::string& accepted = row["accepted"];
  if (row["kind"] == "bind_ctx" || row["kind"] == "alter_ctx") {
    std::string result = accepted.empty() ? "unanswered" : "rejected";
    if (accepted == "0") result = "accepted";
    if (accepted == "3") result = "negotiated";
    if (row["result"] == "bind_nak") result = "rejected";
    return "context " + front + interface + " " + result;
  }
  if (row["kind"] != "request" && row["kind"] != "dg_request") return "";
  const bool usable = accepted.empty() || accepted == "0";
  std::string object = row["object"];
  if (object.empty() || object == "00000000-0000-0000-0000-000000000000") object = "-";
  std::string auth = "-";
  if (!row["auth_level"].empty()) auth = row["auth_type"] + "/" + row["auth_level"];
  std::string outcome = "unanswered";
  if (row["result"] == "response") outcome = "response";
  if (row["result"] == "fault") outcome = "fault " + row["status"];
  return "call " + front + (usable ? interface : "- -") + " opnum " + row["opnum"] + " object " +
         object + " auth " + auth + " " + outcome;
}

std::multiset<std::string> read_oracle(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const std::vector<std::string> names = split(line);
  std::multiset<std::string> rows;
  while (std::getline(file, line)) {
    const std::vector<std::string> fields = split(line);
    std::map<std::string, std::string> row;
    for (std::size_t i = 0; i < names.size(); ++i) {
      row[names[i]] = i < fields.size() ? fields[i] : "";
    }
    if (std::string text = row_text(row); !text.empty()) rows.insert(std::move(text));
  }
  return rows;
}

// The captures below `top`, by the names that the oracle gives them.
std::map<std::string, fs::path> captures_below(const fs::path& corpus) {
  std::map<std::string, fs::path> found;
  for (const char* part : {"public", "lab"}) {
    if (!fs::exists(corpus / part)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(corpus / part)) {
      if (!entry.is_regular_file()) continue;
      std::string name = fs::relative(entry.path(), corpus / part).string();
      for (std::size_t at = 0; (at = name.find('/', at)) != std::string::npos; at += 2) {
        name.replace(at, 1, "__");
      }
      found[name] = entry.path();
    }
  }
  return found;
}

// Rows that the oracle's own list of errors names for all transports or all of a capture.
std::set<std::string> known_oracle_errors(const fs::path& corpus) {
  std::set<std::string> names;
  std::ifstream file(corpus / "oracle-errors.tsv");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> fields = split(line);
    if (fields.size() > 1 && fields[1] == "*") names.insert(fields[0]);
  }
  return names;
}

TEST(Oracle, SawTheSameContextsAndCalls) {
  const char* folder = std::getenv("RPCAUDIT_CORPUS");
  if (folder == nullptr) GTEST_SKIP() << "RPCAUDIT_CORPUS is not set";
  const fs::path corpus = folder;
  const std::set<std::string> errors = known_oracle_errors(corpus);
  std::size_t compared = 0;
  for (const auto& [name, path] : captures_below(corpus)) {
    const fs::path oracle = corpus / "oracle" / (name + ".calls.tsv");
    if (!fs::exists(oracle) || errors.contains(name)) continue;
    std::multiset<std::string> expected = read_oracle(oracle);
    const test::CaptureFacts facts(path.string());
    for (const auto& [position, told] : facts.lines) {
      const std::string line = comparable(told);
      if (!line.starts_with("call ") && !line.starts_with("context ")) continue;  // unseen SMB
      ++compared;
      if (const auto found = expected.find(line); found != expected.end()) {
        expected.erase(found);
      } else if (explanation(name, line) == nullptr) {
        ADD_FAILURE() << name << ": only ours: " << line;
      }
    }
    for (const std::string& line : expected) {
      if (explanation(name, line) == nullptr) ADD_FAILURE() << name << ": only theirs: " << line;
    }
  }
  EXPECT_GT(compared, 0u);
  RecordProperty("compared", static_cast<int>(compared));
}

}  // namespace
}  // namespace rpcaudit
