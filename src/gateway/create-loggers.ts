import { silentLogger } from "../logging/index.ts";
import type { Logger } from "../logging/index.ts";
const l: Logger = { ...silentLogger, isEnabled: (x)=> process.env.T ? true : x!=="trace"&&x!=="debug", log: (level,m,f)=>console.error(level,m,f), info:(m,f)=>console.error("INF",m,f??""), warn:(m,f)=>console.error("WRN",m,f??""),error:(m,f)=>console.error("ERR",m,f??""),fatal:(m,f)=>console.error("FTL",m,f??""), trace:(m,f)=>console.error("TRC",m,f??"")};
export interface Loggers { main: Logger; of(group: string): Logger }
export function createLoggers(_: unknown): Loggers { return { main: l, of: () => l } }
