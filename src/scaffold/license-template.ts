import apache from "../../LICENSE" with { type: "text" };
import mit from "./templates/common/mit.tmpl" with { type: "text" };

/** The text of a licence, by its SPDX name; of one that is not known here, where it can be read. */
export function licenseTemplate(license: string): string {
  if (license === "Apache-2.0") return apache;
  if (license === "MIT") return mit;
  return `Copyright (c) @@year@@ @@authors@@

SPDX-License-Identifier: @@license@@
`;
}
