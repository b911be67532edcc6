/**
 * Showing the addresses of clients (pg_stat_activity, pg_stat_replication, inet_client_addr): inet values that the server itself makes,
 * as text without a netmask. Nothing else of the type inet is there yet.
 */
import { pure } from '../registry.js';

pure('inet_out', (address: string) => address);
pure('network_host', (address: string) => address);
pure('network_show', (address: string) => `${address}/${address.includes(':') ? 128 : 32}`);
