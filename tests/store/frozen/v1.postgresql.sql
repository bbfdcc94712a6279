SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA public;
COMMENT ON SCHEMA public IS 'standard public schema';
CREATE FUNCTION public.ledger_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.campaign (
    id integer NOT NULL,
    name character varying(64) NOT NULL,
    head bigint NOT NULL,
    head_hash character varying(64) NOT NULL,
    spec_version integer NOT NULL,
    spec text NOT NULL,
    source character varying(64) NOT NULL,
    experiments bigint NOT NULL,
    batches bigint NOT NULL
);
CREATE SEQUENCE public.campaign_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.campaign_id_seq OWNED BY public.campaign.id;
CREATE TABLE public.experiment (
    campaign_id integer NOT NULL,
    number bigint NOT NULL,
    status character varying(20) NOT NULL,
    batch bigint,
    observations integer NOT NULL,
    record text NOT NULL
);
CREATE TABLE public.labloop_meta (
    key character varying(40) NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.ledger (
    campaign_id integer NOT NULL,
    sequence bigint NOT NULL,
    kind character varying(20) NOT NULL,
    at character varying(40) NOT NULL,
    actor character varying(200) NOT NULL,
    version character varying(40) NOT NULL,
    payload text NOT NULL,
    previous character varying(64) NOT NULL,
    hash character varying(64) NOT NULL
);
CREATE TABLE public.receipt (
    campaign_id integer NOT NULL,
    key character varying(64) NOT NULL,
    sequence bigint NOT NULL
);
CREATE TABLE public.result (
    campaign_id integer NOT NULL,
    experiment bigint NOT NULL,
    outcome character varying(100) NOT NULL,
    mean double precision NOT NULL,
    count integer NOT NULL
);
CREATE TABLE public.touch (
    campaign_id integer NOT NULL,
    experiment bigint NOT NULL,
    sequence bigint NOT NULL
);
ALTER TABLE ONLY public.campaign ALTER COLUMN id SET DEFAULT nextval('public.campaign_id_seq'::regclass);
INSERT INTO public.campaign VALUES (1, 'reaction', 15, 'dcff2a6889551b2eded94b715af9605dedcbd98a957de81b3d694cec34b760d6', 2, '{"name":"reaction","question":"Which solvent?","parameters":{"temperature":{"unit":"degC","bounds":[20.0,80.0],"step":5.0},"time":{"unit":"h","scale":"log","bounds":[1.0,100.0]},"solvent":{"choices":["water","EtOH","DMSO"]},"humidity":{"unit":"%","observed":true},"operator":{"value":"robot"}},"objectives":{"yield":{"unit":"%","range":[0.0,100.0],"goal":"maximize"}},"limits":["purity >= 95"],"planner":{"batch":3},"schema":"labloop/1"}', '', 12, 2);
INSERT INTO public.campaign VALUES (2, 'empty', 1, '3687329420816b61cca5b3c20b0b9a1bf29781ee6d6cc041e25572613e479c2a', 1, '{"name":"empty","parameters":{"temperature":{"unit":"degC","bounds":[20.0,80.0],"step":5.0},"time":{"unit":"h","scale":"log","bounds":[1.0,100.0]},"solvent":{"choices":["water","EtOH","DMSO"]},"humidity":{"unit":"%","observed":true},"operator":{"value":"robot"}},"objectives":{"yield":{"unit":"%","range":[0.0,100.0],"goal":"maximize"}},"limits":["purity >= 95"],"planner":{"batch":3},"schema":"labloop/1"}', '', 0, 0);
INSERT INTO public.experiment VALUES (1, 1, 'completed', 1, 1, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:01:23.136+00:00","distance":0.5,"number":1,"observations":[{"at":"2026-11-25T15:01:23.156+00:00","index":1,"outcomes":{"purity":97.0,"yield":61.5}}],"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":20.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"completed"}');
INSERT INTO public.experiment VALUES (1, 2, 'completed', 1, 2, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:01:23.136+00:00","distance":0.5,"number":2,"observations":[{"at":"2026-11-25T15:01:23.156+00:00","index":1,"outcomes":{"yield":83.2}},{"at":"2026-11-25T15:01:23.182+00:00","covariates":{"humidity":41.0},"index":2,"outcomes":{"yield":40.0}}],"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":25.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"completed"}');
INSERT INTO public.experiment VALUES (1, 3, 'infeasible', 1, 0, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:01:23.136+00:00","distance":0.5,"failure":"infeasible","note":"did not dissolve","number":3,"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":30.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"infeasible"}');
INSERT INTO public.experiment VALUES (1, 4, 'vetoed', 1, 0, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:01:23.136+00:00","distance":0.5,"note":"out of stock","number":4,"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":35.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"vetoed"}');
INSERT INTO public.experiment VALUES (1, 6, 'vetoed', 1, 0, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:01:23.136+00:00","distance":0.5,"note":"too viscous","number":6,"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":45.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"vetoed"}');
INSERT INTO public.experiment VALUES (1, 7, 'proposed', 2, 0, '{"batch":2,"chance_of_best":0.25,"created_at":"2026-11-25T15:01:23.397+00:00","distance":0.5,"number":7,"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":50.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","replaces":6,"slot":"novelty","status":"proposed"}');
INSERT INTO public.experiment VALUES (1, 8, 'accepted', NULL, 0, '{"created_at":"2026-11-25T15:01:23.418+00:00","note":"an idea","number":8,"origin":"manual","planned":{"operator":"robot","solvent":"DMSO","temperature":60.0,"time":5.0},"status":"accepted"}');
INSERT INTO public.experiment VALUES (1, 9, 'completed', NULL, 1, '{"created_at":"2026-11-25T15:01:23.438+00:00","number":9,"observations":[{"at":"2026-11-25T15:01:23.438+00:00","index":1,"outcomes":{"yield":10.0}}],"origin":"import","planned":{"operator":"robot","solvent":"DMSO","temperature":20.0,"time":5.0},"status":"completed"}');
INSERT INTO public.experiment VALUES (1, 10, 'completed', NULL, 1, '{"created_at":"2026-11-25T15:01:23.438+00:00","number":10,"observations":[{"at":"2026-11-25T15:01:23.438+00:00","index":1,"outcomes":{"yield":11.0}}],"origin":"import","planned":{"operator":"robot","solvent":"DMSO","temperature":25.0,"time":5.0},"status":"completed"}');
INSERT INTO public.experiment VALUES (1, 11, 'completed', NULL, 1, '{"created_at":"2026-11-25T15:01:23.438+00:00","number":11,"observations":[{"at":"2026-11-25T15:01:23.438+00:00","index":1,"outcomes":{"yield":12.0}}],"origin":"import","planned":{"operator":"robot","solvent":"DMSO","temperature":30.0,"time":5.0},"status":"completed"}');
INSERT INTO public.experiment VALUES (1, 12, 'completed', NULL, 1, '{"created_at":"2026-11-25T15:01:23.438+00:00","number":12,"observations":[{"at":"2026-11-25T15:01:23.438+00:00","index":1,"outcomes":{"yield":13.0}}],"origin":"import","planned":{"operator":"robot","solvent":"DMSO","temperature":35.0,"time":5.0},"status":"completed"}');
INSERT INTO public.experiment VALUES (1, 5, 'running', 1, 0, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:01:23.136+00:00","distance":0.5,"number":5,"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":40.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"running"}');
INSERT INTO public.labloop_meta VALUES ('schema_version', '1');
INSERT INTO public.labloop_meta VALUES ('labloop_version', '0.1.0');
INSERT INTO public.ledger VALUES (1, 1, 'created', '2026-11-25T15:01:23.103+00:00', 'anna', '0.1.0', '{"source":"","spec":"{\"name\":\"reaction\",\"parameters\":{\"temperature\":{\"unit\":\"degC\",\"bounds\":[20.0,80.0],\"step\":5.0},\"time\":{\"unit\":\"h\",\"scale\":\"log\",\"bounds\":[1.0,100.0]},\"solvent\":{\"choices\":[\"water\",\"EtOH\",\"DMSO\"]},\"humidity\":{\"unit\":\"%\",\"observed\":true},\"operator\":{\"value\":\"robot\"}},\"objectives\":{\"yield\":{\"unit\":\"%\",\"range\":[0.0,100.0],\"goal\":\"maximize\"}},\"limits\":[\"purity >= 95\"],\"planner\":{\"batch\":3},\"schema\":\"labloop/1\"}","version":1}', '0000000000000000000000000000000000000000000000000000000000000000', '39d22d223f4bf929b5c56e0c2d93c3b296ea2dc624f821c2efbc25c5a0d51887');
INSERT INTO public.ledger VALUES (1, 2, 'proposed', '2026-11-25T15:01:23.136+00:00', 'anna', '0.1.0', '{"batch":1,"data":{"hash":"39d22d223f4bf929b5c56e0c2d93c3b296ea2dc624f821c2efbc25c5a0d51887","sequence":1},"experiments":[{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":20.0,"time":10.0},"distance":0.5,"number":1,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":25.0,"time":10.0},"distance":0.5,"number":2,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":30.0,"time":10.0},"distance":0.5,"number":3,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":35.0,"time":10.0},"distance":0.5,"number":4,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":40.0,"time":10.0},"distance":0.5,"number":5,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":45.0,"time":10.0},"distance":0.5,"number":6,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"}],"notes":[],"packages":{"botorch":"0.18.1","gpytorch":"1.15.2","labloop":"0.1.0","numpy":"2.4.6","scipy":"1.17.1","torch":"2.13.0+cpu"},"planner":{"surrogate":"none"},"seed":186059962863770,"spec_version":1,"strategy":"explore"}', '39d22d223f4bf929b5c56e0c2d93c3b296ea2dc624f821c2efbc25c5a0d51887', 'ecd6716164344afabce55f4cb8666f44120da0b88071773f0f223a67d3f04ed3');
INSERT INTO public.ledger VALUES (1, 3, 'recorded', '2026-11-25T15:01:23.156+00:00', 'anna', '0.1.0', '{"results":[{"experiment":1,"observation":{"index":1,"outcomes":{"purity":97.0,"yield":61.5}}},{"experiment":2,"observation":{"index":1,"outcomes":{"yield":38.2}}}],"source":"a.csv"}', 'ecd6716164344afabce55f4cb8666f44120da0b88071773f0f223a67d3f04ed3', '0ff940309a0c5ec673c5dbad8fd80df5473352ce79db83348b4b7fa317e19d84');
INSERT INTO public.ledger VALUES (1, 4, 'recorded', '2026-11-25T15:01:23.182+00:00', 'anna', '0.1.0', '{"results":[{"experiment":2,"observation":{"covariates":{"humidity":41.0},"index":2,"outcomes":{"yield":40.0}}}],"source":""}', '0ff940309a0c5ec673c5dbad8fd80df5473352ce79db83348b4b7fa317e19d84', '9a2ff46cecbb04c59e9b03c06db16213b46098a627969f3443f3bf444311ecf8');
INSERT INTO public.ledger VALUES (1, 5, 'amended', '2026-11-25T15:01:23.209+00:00', 'anna', '0.1.0', '{"experiment":2,"observation":1,"outcomes":{"yield":83.2},"reason":"typed 38.2 for 83.2"}', '9a2ff46cecbb04c59e9b03c06db16213b46098a627969f3443f3bf444311ecf8', 'daae7fb7ba472736a5e1daf26584394ab32e5729ac73e614c12717e5ff84adb6');
INSERT INTO public.ledger VALUES (1, 6, 'recorded', '2026-11-25T15:01:23.296+00:00', 'anna', '0.1.0', '{"results":[{"experiment":3,"failure":"infeasible","note":"did not dissolve"}],"source":""}', 'daae7fb7ba472736a5e1daf26584394ab32e5729ac73e614c12717e5ff84adb6', 'cb18861cbd852822fd756e4c6e7d58bee2f4555ee9cde40fe3355daab7bc8cb0');
INSERT INTO public.ledger VALUES (1, 7, 'vetoed', '2026-11-25T15:01:23.333+00:00', 'anna', '0.1.0', '{"experiments":[4],"reason":"out of stock"}', 'cb18861cbd852822fd756e4c6e7d58bee2f4555ee9cde40fe3355daab7bc8cb0', '62e84a8817f706d04a1f4baf781b5cec244c93bbfd3e0bfac2cdc92408bcaac9');
INSERT INTO public.ledger VALUES (1, 8, 'moved', '2026-11-25T15:01:23.354+00:00', 'anna', '0.1.0', '{"experiments":[5],"reason":"","status":"running"}', '62e84a8817f706d04a1f4baf781b5cec244c93bbfd3e0bfac2cdc92408bcaac9', 'ef54d42f67591ee9b95f71ea2e062d8ad3d4993acb3d334c9ade7ec5a17367a5');
INSERT INTO public.ledger VALUES (1, 9, 'vetoed', '2026-11-25T15:01:23.384+00:00', 'anna', '0.1.0', '{"experiments":[6],"reason":"too viscous"}', 'ef54d42f67591ee9b95f71ea2e062d8ad3d4993acb3d334c9ade7ec5a17367a5', 'ceac8ad0fcede5c542c7b2efe3687f16f4a7730fd7f81ed5ed29c08fe4054c8b');
INSERT INTO public.ledger VALUES (1, 10, 'proposed', '2026-11-25T15:01:23.397+00:00', 'anna', '0.1.0', '{"batch":2,"data":{"hash":"ef54d42f67591ee9b95f71ea2e062d8ad3d4993acb3d334c9ade7ec5a17367a5","sequence":8},"experiments":[{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":50.0,"time":10.0},"distance":0.5,"number":7,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","replaces":6,"slot":"novelty"}],"notes":[],"packages":{"botorch":"0.18.1","gpytorch":"1.15.2","labloop":"0.1.0","numpy":"2.4.6","scipy":"1.17.1","torch":"2.13.0+cpu"},"planner":{"surrogate":"none"},"seed":173474642010115,"spec_version":1,"strategy":"explore"}', 'ceac8ad0fcede5c542c7b2efe3687f16f4a7730fd7f81ed5ed29c08fe4054c8b', 'db204363456827f2175e45c865f0805a5a98f2ec90f37cc4ad503584acd223cd');
INSERT INTO public.ledger VALUES (1, 11, 'added', '2026-11-25T15:01:23.418+00:00', 'anna', '0.1.0', '{"experiments":[{"conditions":{"operator":"robot","solvent":"DMSO","temperature":60.0,"time":5.0},"note":"an idea","number":8}],"origin":"manual","source":""}', 'db204363456827f2175e45c865f0805a5a98f2ec90f37cc4ad503584acd223cd', '1a46680e35c5eb62f80885e10b38b4f9293bed9a624547dac85ddde05ab3a9be');
INSERT INTO public.ledger VALUES (1, 12, 'added', '2026-11-25T15:01:23.438+00:00', 'anna', '0.1.0', '{"experiments":[{"conditions":{"operator":"robot","solvent":"DMSO","temperature":20.0,"time":5.0},"key":"cfc1f97ddb0b28bad9980d45da2851154e680a2fe64180e26f911f4fa2bddae9","number":9,"observations":[{"index":1,"outcomes":{"yield":10.0}}]},{"conditions":{"operator":"robot","solvent":"DMSO","temperature":25.0,"time":5.0},"key":"a58ae211cb6e2f6e5afc9cf4f82d08396a9655f0e8c6950b9962694868b6dab0","number":10,"observations":[{"index":1,"outcomes":{"yield":11.0}}]},{"conditions":{"operator":"robot","solvent":"DMSO","temperature":30.0,"time":5.0},"key":"e5cda2dae9ce6db36242fcf3e1aef18d9cdb88294b58c036132bce29f4b10a75","number":11,"observations":[{"index":1,"outcomes":{"yield":12.0}}]},{"conditions":{"operator":"robot","solvent":"DMSO","temperature":35.0,"time":5.0},"key":"f5f907d4fecd31cd055c65ca99ce607e09b158ca335fa05bcb8633a73231d2d7","number":12,"observations":[{"index":1,"outcomes":{"yield":13.0}}]}],"origin":"import","source":"old.csv"}', '1a46680e35c5eb62f80885e10b38b4f9293bed9a624547dac85ddde05ab3a9be', '51c80fef3987d424f8de8edf3725c6c6dc19f8bc64eeddde11686966d3c6a5ae');
INSERT INTO public.ledger VALUES (1, 13, 'recorded', '2026-11-25T15:01:23.465+00:00', 'anna', '0.1.0', '{"results":[{"experiment":5,"observation":{"index":1,"outcomes":{"yield":99.0}}}],"source":""}', '51c80fef3987d424f8de8edf3725c6c6dc19f8bc64eeddde11686966d3c6a5ae', 'ee6716f9272de1880ec0396a52d047ec22f2fe6d84a5dd0c8c46289fcf675986');
INSERT INTO public.ledger VALUES (1, 14, 'undone', '2026-11-25T15:01:23.493+00:00', 'anna', '0.1.0', '{"reason":"the wrong vial","sequence":13}', 'ee6716f9272de1880ec0396a52d047ec22f2fe6d84a5dd0c8c46289fcf675986', 'ee38a235a18b79e8a3e8ca2dbb5b74ea9e89cd1588d509170c0d13b771b5e149');
INSERT INTO public.ledger VALUES (1, 15, 'revised', '2026-11-25T15:01:23.509+00:00', 'anna', '0.1.0', '{"reason":"the question was missing","source":"","spec":"{\"name\":\"reaction\",\"question\":\"Which solvent?\",\"parameters\":{\"temperature\":{\"unit\":\"degC\",\"bounds\":[20.0,80.0],\"step\":5.0},\"time\":{\"unit\":\"h\",\"scale\":\"log\",\"bounds\":[1.0,100.0]},\"solvent\":{\"choices\":[\"water\",\"EtOH\",\"DMSO\"]},\"humidity\":{\"unit\":\"%\",\"observed\":true},\"operator\":{\"value\":\"robot\"}},\"objectives\":{\"yield\":{\"unit\":\"%\",\"range\":[0.0,100.0],\"goal\":\"maximize\"}},\"limits\":[\"purity >= 95\"],\"planner\":{\"batch\":3},\"schema\":\"labloop/1\"}","version":2}', 'ee38a235a18b79e8a3e8ca2dbb5b74ea9e89cd1588d509170c0d13b771b5e149', 'dcff2a6889551b2eded94b715af9605dedcbd98a957de81b3d694cec34b760d6');
INSERT INTO public.ledger VALUES (2, 1, 'created', '2026-11-25T15:01:23.528+00:00', 'anna', '0.1.0', '{"source":"","spec":"{\"name\":\"empty\",\"parameters\":{\"temperature\":{\"unit\":\"degC\",\"bounds\":[20.0,80.0],\"step\":5.0},\"time\":{\"unit\":\"h\",\"scale\":\"log\",\"bounds\":[1.0,100.0]},\"solvent\":{\"choices\":[\"water\",\"EtOH\",\"DMSO\"]},\"humidity\":{\"unit\":\"%\",\"observed\":true},\"operator\":{\"value\":\"robot\"}},\"objectives\":{\"yield\":{\"unit\":\"%\",\"range\":[0.0,100.0],\"goal\":\"maximize\"}},\"limits\":[\"purity >= 95\"],\"planner\":{\"batch\":3},\"schema\":\"labloop/1\"}","version":1}', '0000000000000000000000000000000000000000000000000000000000000000', '3687329420816b61cca5b3c20b0b9a1bf29781ee6d6cc041e25572613e479c2a');
INSERT INTO public.receipt VALUES (1, 'cfc1f97ddb0b28bad9980d45da2851154e680a2fe64180e26f911f4fa2bddae9', 12);
INSERT INTO public.receipt VALUES (1, 'a58ae211cb6e2f6e5afc9cf4f82d08396a9655f0e8c6950b9962694868b6dab0', 12);
INSERT INTO public.receipt VALUES (1, 'e5cda2dae9ce6db36242fcf3e1aef18d9cdb88294b58c036132bce29f4b10a75', 12);
INSERT INTO public.receipt VALUES (1, 'f5f907d4fecd31cd055c65ca99ce607e09b158ca335fa05bcb8633a73231d2d7', 12);
INSERT INTO public.result VALUES (1, 1, 'purity', 97, 1);
INSERT INTO public.result VALUES (1, 1, 'yield', 61.5, 1);
INSERT INTO public.result VALUES (1, 2, 'yield', 61.6, 2);
INSERT INTO public.result VALUES (1, 9, 'yield', 10, 1);
INSERT INTO public.result VALUES (1, 10, 'yield', 11, 1);
INSERT INTO public.result VALUES (1, 11, 'yield', 12, 1);
INSERT INTO public.result VALUES (1, 12, 'yield', 13, 1);
INSERT INTO public.touch VALUES (1, 1, 2);
INSERT INTO public.touch VALUES (1, 2, 2);
INSERT INTO public.touch VALUES (1, 3, 2);
INSERT INTO public.touch VALUES (1, 4, 2);
INSERT INTO public.touch VALUES (1, 5, 2);
INSERT INTO public.touch VALUES (1, 6, 2);
INSERT INTO public.touch VALUES (1, 1, 3);
INSERT INTO public.touch VALUES (1, 2, 3);
INSERT INTO public.touch VALUES (1, 2, 4);
INSERT INTO public.touch VALUES (1, 2, 5);
INSERT INTO public.touch VALUES (1, 3, 6);
INSERT INTO public.touch VALUES (1, 4, 7);
INSERT INTO public.touch VALUES (1, 5, 8);
INSERT INTO public.touch VALUES (1, 6, 9);
INSERT INTO public.touch VALUES (1, 7, 10);
INSERT INTO public.touch VALUES (1, 8, 11);
INSERT INTO public.touch VALUES (1, 9, 12);
INSERT INTO public.touch VALUES (1, 10, 12);
INSERT INTO public.touch VALUES (1, 11, 12);
INSERT INTO public.touch VALUES (1, 12, 12);
INSERT INTO public.touch VALUES (1, 5, 13);
SELECT pg_catalog.setval('public.campaign_id_seq', 2, true);
ALTER TABLE ONLY public.campaign
    ADD CONSTRAINT campaign_name_key UNIQUE (name);
ALTER TABLE ONLY public.campaign
    ADD CONSTRAINT campaign_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.experiment
    ADD CONSTRAINT experiment_pkey PRIMARY KEY (campaign_id, number);
ALTER TABLE ONLY public.labloop_meta
    ADD CONSTRAINT labloop_meta_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (campaign_id, sequence);
ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (campaign_id, key);
ALTER TABLE ONLY public.result
    ADD CONSTRAINT result_pkey PRIMARY KEY (campaign_id, experiment, outcome);
ALTER TABLE ONLY public.touch
    ADD CONSTRAINT touch_pkey PRIMARY KEY (campaign_id, experiment, sequence);
CREATE INDEX experiment_status ON public.experiment USING btree (campaign_id, status);
CREATE TRIGGER ledger_refuses_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger FOR EACH STATEMENT EXECUTE FUNCTION public.ledger_is_append_only();
ALTER TABLE ONLY public.experiment
    ADD CONSTRAINT experiment_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
ALTER TABLE ONLY public.result
    ADD CONSTRAINT result_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
ALTER TABLE ONLY public.touch
    ADD CONSTRAINT touch_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
