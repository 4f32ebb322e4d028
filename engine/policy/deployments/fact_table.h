#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/deployment.h"
#include "engine/policy/text/reporter.h"

namespace rpcaudit::policy {

// Tables that spreadsheets and PowerShell's Export-Csv write: a line of column names, then one line
// for each row; comma, semicolon or tab between values, which may stand in quotation marks (RFC
// 4180, without line ends inside them). A column that is not known is an error.

// Columns `user`, `sid`, `groups`; several groups stand in one value, separated by spaces or `;`.
// Lines about the same user add up. `file` is the number for spans.
void read_user_table(std::string_view bytes, std::uint32_t file, HostFacts& facts,
                     Reporter& reporter);

// Columns `clsid` and `app_id`.
void read_class_table(std::string_view bytes, std::uint32_t file, HostFacts& facts,
                      Reporter& reporter);

// The address of a server by its name; a server may have several lines.
struct NamedServer {
  std::string name;  // in lower case
  IpAddress address;
};

// Columns `name` and `address`.
void read_server_table(std::string_view bytes, std::uint32_t file,
                       std::vector<NamedServer>& servers, Reporter& reporter);

// Adds the SIDs and aliases in `text`, which spaces, commas, `;` or `|` separate, to the token.
void add_sids(std::string_view text, const SourceSpan& span, CallerToken& token,
              Reporter& reporter);

// Brings the users into the order that find_user() needs; rows of one name become one.
void settle_users(HostFacts& facts);

}  // namespace rpcaudit::policy
